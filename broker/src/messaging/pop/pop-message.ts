import type { BrokerConfig } from '@rocketcluster/config'
import { type AnswerOf, type brokerRequests, type HeaderOf, ResponseError } from '@rocketcluster/protocol'
import type { ServerConnection } from '@rocketcluster/remoting'
import type { Handler } from '../../handler.ts'
import type { BrokerServices } from '../../services.ts'
import type { MessageFilter } from '../../store/types.ts'
import { isByTag } from '../expression-type.ts'
import { checkPropertyFilter, filterOf, parseSubscription } from '../subscription.ts'
import { MAX_POP_MESSAGES } from './check-point.ts'
import { checkPop } from './check-pop.ts'
import { INIT_MAX, INIT_MIN } from './pop-positions.ts'
import { retryTopicsOf } from './retry-topics.ts'
import { mayFind, takeMessages } from './take-messages.ts'

type Pop = typeof brokerRequests.popMessage
export type PopHeader = HeaderOf<Pop>

/** PopMessageRequestHeader.java#isTimeoutTooMuch: its consumer has given it up. */
const LATE_MS = 500
/** How soon a pop that met another one in its queue looks again. */
const AGAIN_MS = 5
/** And how often when its time is up. */
const MAX_LOOKS = 4

/**
 * POP_MESSAGE: up to maxMsgNums messages, from any queue of a topic or from one, that nobody else of the group gets for
 * invisibleTime. Waits, when it finds none, until one arrives or pollTime is over.
 */
export const popMessage: Handler<'popMessage'> = async (header, context) => {
  const { world, connection, pops, config } = context
  const bornTime = header.bornTime > 0 ? header.bornTime : world.clock.now()
  if (world.clock.now() - bornTime - header.pollTime > LATE_MS)
    return nothing('POLLING_TIMEOUT', `the broker[${config.brokerIP1}] pop message is timeout too much`)
  checkNumbers(header, config.brokerIP1)
  const { topic } = await checkPop(header, context, connection.remoteAddress, 'pop')
  const filter = filterFor(header, config)
  await pops.ready()
  // The consumer's clock may be ahead of ours: no pop waits for longer than it asked.
  const leftMs = Math.min(header.pollTime, bornTime + header.pollTime - world.clock.now())
  const deadlineMs = world.clock.monotonicMs() + leftMs
  let looks = 0
  let lastLook = header.pollTime <= 0

  for (;;) {
    // What a consumer that is gone is given would be invisible to all others.
    if (connection.closed) return timedOut()
    const taken = await takeMessages(header, topic, filter, context)
    if (taken.answer !== undefined) {
      // Its rest is for the next one that waits.
      if (taken.answer.restNum !== undefined && taken.answer.restNum > 0)
        pops.held.notifyExactly(header.topic, header.consumerGroup, header.queueId)
      return taken.answer
    }
    const timeIsUp = lastLook || world.clock.monotonicMs() >= deadlineMs
    // A queue that another pop reads from the disk is free again soon; also who does not wait can wait so long.
    if (taken.lookAgain && (!timeIsUp || ++looks < MAX_LOOKS)) {
      await world.clock.sleep(AGAIN_MS)
      continue
    }
    if (timeIsUp) return timedOut()
    // Something may have arrived while this looked.
    if (mayFind(header, topic, context)) continue
    // Its connection may have closed meanwhile: nobody would ever end its wait.
    const woken = connection.closed ? 'gone' : await wait(header, filter, connection, deadlineMs, context)
    if (woken === 'full') return nothing('POLLING_FULL')
    if (woken === 'gone') return timedOut()
    lastLook = woken === 'timeout'
  }
}

const nothing = (status: 'POLLING_TIMEOUT' | 'POLLING_FULL', remark = 'NO_MESSAGE_IN_QUEUE'): AnswerOf<Pop> => ({
  status,
  remark,
  popTime: 0,
  invisibleTime: 0,
  reviveQid: 0,
  restNum: 0,
})

const timedOut = () => nothing('POLLING_TIMEOUT')

function wait(
  header: PopHeader,
  filter: MessageFilter | undefined,
  connection: ServerConnection,
  deadlineMs: number,
  { pops, config }: BrokerServices,
) {
  return pops.held.hold({
    connectionId: connection.id,
    topic: header.topic,
    group: header.consumerGroup,
    queueId: header.queueId,
    retryTopics: header.order ? [] : retryTopicsOf(header.topic, header.consumerGroup, config),
    deadlineMs,
    matches: tagsCode => filter === undefined || filter.byEntry(tagsCode),
  })
}

function checkNumbers(header: PopHeader, broker: string): void {
  const { maxMsgNums, invisibleTime, initMode, queueId } = header
  if (maxMsgNums > MAX_POP_MESSAGES)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `the broker[${broker}] pop message's num is greater than ${MAX_POP_MESSAGES}: maxMsgNums is ${maxMsgNums}`,
    )
  if (maxMsgNums < 1)
    throw new ResponseError('INVALID_PARAMETER', `maxMsgNums is ${maxMsgNums}, allowed are 1 to ${MAX_POP_MESSAGES}`)
  checkInvisibleTime(invisibleTime)
  if (initMode !== INIT_MIN && initMode !== INIT_MAX)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `initMode is ${initMode}, allowed are ${INIT_MIN} (the oldest message) and ${INIT_MAX} (the newest)`,
    )
  if (queueId < -1)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `queueId is ${queueId}, allowed are -1 (any queue) and the topic's queues`,
    )
}

/** A hundred years: pop time and invisible time together stay far from what a number can hold. */
const LONGEST_INVISIBLE_MS = 100 * 365 * 24 * 3600 * 1000

export function checkInvisibleTime(invisibleTime: number): void {
  if (invisibleTime < 0 || invisibleTime > LONGEST_INVISIBLE_MS)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `invisibleTime is ${invisibleTime} ms, allowed are 0 to ${LONGEST_INVISIBLE_MS}`,
    )
}

function filterFor({ topic, exp, expType }: PopHeader, config: BrokerConfig): MessageFilter | undefined {
  if (exp === undefined || exp === '') return undefined
  if (!isByTag(expType)) checkPropertyFilter(expType, config)
  try {
    return filterOf(parseSubscription(topic, exp, expType || 'TAG'))
  } catch (error) {
    throw new ResponseError(
      'SUBSCRIPTION_PARSE_FAILED',
      `parse the consumer's subscription failed: ${(error as Error).message}`,
      { cause: error },
    )
  }
}
