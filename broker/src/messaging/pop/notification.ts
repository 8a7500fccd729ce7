import type { Handler } from '../../handler.ts'
import { checkPop } from './check-pop.ts'
import { INIT_MIN } from './pop-positions.ts'
import { retryTopicsOf } from './retry-topics.ts'
import { mayFind } from './take-messages.ts'

/** NOTIFICATION: would a pop find something? Waits up to pollTime until it would. */
export const notification: Handler<'notification'> = async (header, context) => {
  const { world, connection, pops, config } = context
  const { topic } = await checkPop(header, context, connection.remoteAddress, 'peeking')
  await pops.ready()
  const bornTime = header.bornTime > 0 ? header.bornTime : world.clock.now()
  const leftMs = Math.min(header.pollTime, bornTime + header.pollTime - world.clock.now())
  const deadlineMs = world.clock.monotonicMs() + leftMs
  const wouldPop = { ...header, maxMsgNums: 1, invisibleTime: 0, initMode: INIT_MIN }
  for (;;) {
    if (mayFind(wouldPop, topic, context)) return { hasMsg: true, pollingFull: false }
    if (header.pollTime <= 0 || world.clock.monotonicMs() >= deadlineMs) return { hasMsg: false, pollingFull: false }
    const woken = await pops.heldNotifications.hold({
      connectionId: connection.id,
      topic: header.topic,
      group: header.consumerGroup,
      queueId: header.queueId,
      retryTopics: header.order ? [] : retryTopicsOf(header.topic, header.consumerGroup, config),
      deadlineMs,
      matches: () => true,
    })
    if (woken === 'full') return { hasMsg: false, pollingFull: true }
    if (woken === 'gone' || (woken === 'timeout' && !mayFind(wouldPop, topic, context)))
      return { hasMsg: false, pollingFull: false }
  }
}
