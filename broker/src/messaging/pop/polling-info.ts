import type { Handler } from '../../handler.ts'
import { checkPop } from './check-pop.ts'

/** POLLING_INFO: how many pops of a group wait with these very words. */
export const pollingInfo: Handler<'pollingInfo'> = async (header, context) => {
  await checkPop(header, context, context.connection.remoteAddress, 'peeking')
  return { pollingNum: context.pops.held.countOf(header.topic, header.consumerGroup, header.queueId) }
}
