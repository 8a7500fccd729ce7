import { clientRequests } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { answerOf, consumerOnline } from './consumer-online.ts'

/** GET_CONSUMER_RUNNING_INFO: asks one consumer how it is; the answer is the consumer's own. */
export const getConsumerRunningInfo: Handler<'getConsumerRunningInfo'> = async (header, { clients }) => {
  const consumer = consumerOnline(clients, header.consumerGroup, header.clientId)
  const asked = consumer.channel.invoke(clientRequests.getConsumerRunningInfo, header, { timeoutMs: 10_000 })
  const answer = await answerOf(asked, header.consumerGroup, header.clientId)
  return { status: answer.status, remark: answer.remark, body: answer.body }
}
