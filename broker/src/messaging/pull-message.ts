import type { AnswerOf, brokerRequests, HeaderOf, ResponseCodeName } from '@rocketcluster/protocol'
import { ResponseError } from '@rocketcluster/protocol'
import type { ServerConnection } from '@rocketcluster/remoting'
import type { Handler } from '../handler.ts'
import type { NamedGroup } from '../metadata/subscription-groups.ts'
import { PERM_READ } from '../metadata/system-topics.ts'
import type { BrokerServices } from '../services.ts'
import type { GetMessageResult, GetMessageStatus, MessageFilter } from '../store/types.ts'
import type { HeldPull } from './held-pulls.ts'
import { PULL_COMMIT_OFFSET, PULL_SUSPEND, wantedMessages } from './subscription.ts'

type Pull = typeof brokerRequests.pullMessage
export type PullHeader = HeaderOf<Pull>
/** `held`: it waited for a message. */
export type PullAnswer = AnswerOf<Pull> & { held?: boolean }

/** ForbiddenType.java: why a pull is refused, for clients that show it. */
const FORBIDDEN = { broker: 1, group: 2, topic: 3, broadcasting: 4, subscription: 5 } as const

/** PULL_MESSAGE and LITE_PULL_MESSAGE. `hot-pulls.ts` serves the same without header objects and contexts. */
export const pullMessage: Handler<'pullMessage'> = (header, context) => pull(header, context.connection, context)

/**
 * Up to maxMsgNums messages of one queue from an offset on. A pull that finds nothing waits, when its consumer allows
 * (SUSPEND), until a message arrives or suspendTimeoutMillis have passed. Answers in the same turn when everything is in
 * memory. Throws, or rejects with, the ResponseError to answer.
 */
export function pull(
  header: PullHeader,
  connection: ServerConnection,
  services: BrokerServices,
): PullAnswer | Promise<PullAnswer> {
  const { groups, config } = services
  if ((config.brokerPermission & PERM_READ) === 0)
    return forbidden('broker', `the broker[${config.brokerIP1}] pulling message is forbidden`)
  const found = groups.find(header.consumerGroup)
  if (found instanceof Promise) return found.then(group => pullAs(group, header, connection, services))
  return pullAs(found, header, connection, services)
}

function pullAs(
  group: NamedGroup | undefined,
  header: PullHeader,
  connection: ServerConnection,
  services: BrokerServices,
): PullAnswer | Promise<PullAnswer> {
  const { groups, topics, offsets } = services
  if (!group)
    throw new ResponseError(
      'SUBSCRIPTION_GROUP_NOT_EXIST',
      `subscription group [${header.consumerGroup}] does not exist`,
    )
  if (!group.consumeEnable) return forbidden('group', `subscription group no permission, ${header.consumerGroup}`)
  const topic = topics.get(header.topic)
  if (!topic) throw new ResponseError('TOPIC_NOT_EXIST', `topic[${header.topic}] not exist, apply first please!`)
  if ((topic.perm & PERM_READ) === 0)
    return forbidden('topic', `the topic[${header.topic}] pulling message is forbidden`)
  if (header.queueId < 0 || header.queueId >= topic.readQueueNums)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `queueId[${header.queueId}] is illegal, topic:[${header.topic}] topicConfig.readQueueNums:[${topic.readQueueNums}] consumer:[${connection.remoteAddress}]`,
    )
  if (groups.isReadForbidden(header.consumerGroup, header.topic))
    return forbidden(
      'subscription',
      `the consumer's group[${header.consumerGroup}] is forbidden to read topic[${header.topic}]`,
    )
  const filter = wantedMessages(header, group.consumeBroadcastEnable, services)

  const reset = offsets.takeReset(header.consumerGroup, header.topic, header.queueId)
  if (reset !== undefined) return moved(services, header, reset)
  if ((header.sysFlag & PULL_COMMIT_OFFSET) !== 0)
    offsets.commit(header.consumerGroup, header.topic, header.queueId, header.commitOffset)

  const result = get(services, header, header.queueOffset, filter)
  return result instanceof Promise
    ? result.then(later => answerOrWait(later, header, filter, connection, services))
    : answerOrWait(result, header, filter, connection, services)
}

function answerOrWait(
  result: GetMessageResult,
  header: PullHeader,
  filter: MessageFilter | undefined,
  connection: ServerConnection,
  services: BrokerServices,
): PullAnswer | Promise<PullAnswer> {
  const status = statusOf(result.status, header.queueOffset)
  const mayWait = (header.sysFlag & PULL_SUSPEND) !== 0 && header.suspendTimeoutMillis > 0
  if (status !== 'PULL_NOT_FOUND' || !mayWait) return answer(services, header, result, status)
  result.release()
  return waitAndAnswer(header, filter, connection, services)
}

async function waitAndAnswer(
  header: PullHeader,
  filter: MessageFilter | undefined,
  connection: ServerConnection,
  services: BrokerServices,
): Promise<PullAnswer> {
  const { config, world } = services
  const waitMs = config.longPollingEnable ? header.suspendTimeoutMillis : config.shortPollingTimeMills
  const deadlineMs = world.clock.monotonicMs() + waitMs
  let queueOffset = header.queueOffset
  for (;;) {
    const arrived = await arrival(header, queueOffset, deadlineMs, filter, connection, services)
    if (filter?.byRecord) {
      const wanted = wantedNow(header, services)
      // The consumer has changed its mind while it waited: what was refused by the old filter is judged by the new one.
      if (wanted !== filter) queueOffset = header.queueOffset
      filter = wanted
    }
    const result = await get(services, header, queueOffset, filter)
    const judgedToTheEnd = result.status === 'NO_MATCHED_MESSAGE' && result.nextBeginOffset === result.maxOffset
    // A filter that looks at records has refused all that came: the pull waits on, and they are not looked at again.
    if (!(judgedToTheEnd && arrived && filter?.byRecord && world.clock.monotonicMs() < deadlineMs))
      return { ...answer(services, header, result, statusOf(result.status, queueOffset)), held: true }
    result.release()
    queueOffset = result.nextBeginOffset
  }
}

const wantedNow = (header: PullHeader, services: BrokerServices) =>
  wantedMessages(header, services.groups.get(header.consumerGroup)?.consumeBroadcastEnable ?? true, services)

function get(services: BrokerServices, header: PullHeader, queueOffset: number, filter: MessageFilter | undefined) {
  return services.store.getMessage({
    topic: header.topic,
    queueId: header.queueId,
    queueOffset,
    maxCount: Math.max(1, header.maxMsgNums),
    maxBytes: header.maxMsgBytes && header.maxMsgBytes > 0 ? header.maxMsgBytes : undefined,
    filter,
  })
}

/**
 * Resolves when a message may be there, or the consumer's time is up, or its connection is gone: then with false, as when
 * the broker stops.
 */
function arrival(
  header: PullHeader,
  queueOffset: number,
  deadlineMs: number,
  filter: MessageFilter | undefined,
  connection: ServerConnection,
  { heldPulls, store }: BrokerServices,
): Promise<boolean> {
  // Its connection may have closed while the look before waited for the disk: nobody would ever end its wait.
  if (connection.closed) return Promise.resolve(false)
  // And a message may have arrived.
  if (store.maxOffset(header.topic, header.queueId) > queueOffset) return Promise.resolve(true)
  return new Promise(resolve => {
    const held: HeldPull = {
      connectionId: connection.id,
      topic: header.topic,
      queueId: header.queueId,
      queueOffset,
      deadlineMs,
      matches: tagsCode => !filter || filter.byEntry(tagsCode),
      wake: resolve,
    }
    heldPulls.hold(held)
  })
}

/** PullMessageProcessor.java#composeResponseHeader */
function statusOf(status: GetMessageStatus, queueOffset: number): ResponseCodeName {
  switch (status) {
    case 'FOUND':
      return 'SUCCESS'
    case 'MESSAGE_WAS_REMOVING':
    case 'NO_MATCHED_MESSAGE':
      return 'PULL_RETRY_IMMEDIATELY'
    case 'NO_MATCHED_LOGIC_QUEUE':
    case 'NO_MESSAGE_IN_QUEUE':
      return queueOffset === 0 ? 'PULL_NOT_FOUND' : 'PULL_OFFSET_MOVED'
    case 'OFFSET_FOUND_NULL':
    case 'OFFSET_OVERFLOW_ONE':
      return 'PULL_NOT_FOUND'
    case 'OFFSET_OVERFLOW_BADLY':
    case 'OFFSET_TOO_SMALL':
      return 'PULL_OFFSET_MOVED'
  }
}

function answer(
  context: BrokerServices,
  header: PullHeader,
  result: GetMessageResult,
  status: ResponseCodeName,
): PullAnswer {
  context.stats.got(header.topic, header.consumerGroup, result)
  context.offsets.pulled(header.consumerGroup, header.topic, header.queueId, result.nextBeginOffset)
  const slow = result.suggestPullingFromSlave && context.config.slaveReadEnable
  const group = context.groups.get(header.consumerGroup)
  return {
    status,
    remark: result.status,
    suggestWhichBrokerId: (slow ? group?.whichBrokerWhenConsumeSlowly : group?.brokerId) ?? 0,
    nextBeginOffset: result.nextBeginOffset,
    minOffset: result.minOffset,
    maxOffset: result.maxOffset,
    body: result.records,
    written: () => result.release(),
  }
}

/** A reset on the server tells the consumer where to go on. */
function moved(context: BrokerServices, header: PullHeader, queueOffset: number): PullAnswer {
  return {
    status: 'PULL_OFFSET_MOVED',
    remark: 'OFFSET_RESET',
    suggestWhichBrokerId: 0,
    nextBeginOffset: queueOffset,
    minOffset: context.store.minOffset(header.topic, header.queueId),
    maxOffset: context.store.maxOffset(header.topic, header.queueId),
  }
}

const forbidden = (what: keyof typeof FORBIDDEN, remark: string): PullAnswer => ({
  status: 'NO_PERMISSION',
  remark,
  forbiddenType: FORBIDDEN[what],
  suggestWhichBrokerId: 0,
  nextBeginOffset: 0,
  minOffset: 0,
  maxOffset: 0,
})
