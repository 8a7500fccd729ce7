import type { AnswerOf, brokerRequests, HeaderOf, ResponseCodeName } from '@rocketcluster/protocol'
import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { PERM_READ } from '../metadata/system-topics.ts'
import type { BrokerServices } from '../services.ts'
import type { GetMessageResult, GetMessageStatus, MessageFilter } from '../store/types.ts'
import type { HeldPull } from './held-pulls.ts'
import { filterOf, findSubscription, PULL_COMMIT_OFFSET, PULL_SUSPEND } from './subscription.ts'

type Pull = typeof brokerRequests.pullMessage
type PullHeader = HeaderOf<Pull>
type PullAnswer = AnswerOf<Pull>

/** ForbiddenType.java: why a pull is refused, for clients that show it. */
const FORBIDDEN = { broker: 1, group: 2, topic: 3, broadcasting: 4, subscription: 5 } as const

/**
 * PULL_MESSAGE: up to maxMsgNums messages of one queue from an offset on. A pull that finds nothing waits, when its
 * consumer allows (SUSPEND), until a message arrives or suspendTimeoutMillis have passed.
 */
export const pullMessage: Handler<'pullMessage'> = async (header, context) => {
  const { groups, topics, offsets, config } = context
  if ((config.brokerPermission & PERM_READ) === 0)
    return forbidden('broker', `the broker[${config.brokerIP1}] pulling message is forbidden`)
  const found = groups.find(header.consumerGroup)
  const group = found instanceof Promise ? await found : found
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
      `queueId[${header.queueId}] is illegal, topic:[${header.topic}] topicConfig.readQueueNums:[${topic.readQueueNums}] consumer:[${context.connection.remoteAddress}]`,
    )
  if (groups.isReadForbidden(header.consumerGroup, header.topic))
    return forbidden(
      'subscription',
      `the consumer's group[${header.consumerGroup}] is forbidden to read topic[${header.topic}]`,
    )
  const subscription = findSubscription(
    header,
    context.clients.consumerGroup(header.consumerGroup),
    group.consumeBroadcastEnable,
  )
  const filter = filterOf(subscription)

  const reset = offsets.takeReset(header.consumerGroup, header.topic, header.queueId)
  if (reset !== undefined) return moved(context, header, reset)
  if ((header.sysFlag & PULL_COMMIT_OFFSET) !== 0)
    offsets.commit(header.consumerGroup, header.topic, header.queueId, header.commitOffset)

  const result = await get(context, header, filter)
  const status = statusOf(result.status, header.queueOffset)
  const mayWait = (header.sysFlag & PULL_SUSPEND) !== 0 && header.suspendTimeoutMillis > 0
  if (status !== 'PULL_NOT_FOUND' || !mayWait) return answer(context, header, result, status)

  result.release()
  await arrival(context, header, filter)
  const second = await get(context, header, filter)
  return answer(context, header, second, statusOf(second.status, header.queueOffset))
}

function get(context: BrokerServices, header: PullHeader, filter: MessageFilter | undefined) {
  return context.store.getMessage({
    topic: header.topic,
    queueId: header.queueId,
    queueOffset: header.queueOffset,
    maxCount: Math.max(1, header.maxMsgNums),
    maxBytes: header.maxMsgBytes && header.maxMsgBytes > 0 ? header.maxMsgBytes : undefined,
    filter,
  })
}

/** Resolves when a message may be there, or the consumer's time is up, or its connection is gone. */
function arrival(
  context: Parameters<Handler<'pullMessage'>>[1],
  header: PullHeader,
  filter: MessageFilter | undefined,
): Promise<void> {
  const { config, heldPulls, world, connection } = context
  const waitMs = config.longPollingEnable ? header.suspendTimeoutMillis : config.shortPollingTimeMills
  // A message may have arrived while the first look waited for the disk.
  if (context.store.maxOffset(header.topic, header.queueId) > header.queueOffset) return Promise.resolve()
  return new Promise(resolve => {
    const pull: HeldPull = {
      connectionId: connection.id,
      topic: header.topic,
      queueId: header.queueId,
      queueOffset: header.queueOffset,
      deadlineMs: world.clock.monotonicMs() + waitMs,
      matches: tagsCode => !filter || filter.byEntry(tagsCode),
      wake: () => resolve(),
    }
    heldPulls.hold(pull)
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
