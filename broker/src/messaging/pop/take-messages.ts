import { type AnswerOf, type brokerRequests, ResponseError } from '@rocketcluster/protocol'
import { recordQueueOffset, recordTotalSize } from '@rocketcluster/protocol/internal'
import type { NamedTopic } from '../../metadata/system-topics.ts'
import type { BrokerServices } from '../../services.ts'
import type { GetMessageResult, MessageFilter } from '../../store/types.ts'
import { addMessageOffsets, addStartOffset, ORDER_REVIVE_QUEUE } from './extra-info.ts'
import type { PopHeader } from './pop-message.ts'
import { lookOffset, popOffset } from './pop-positions.ts'
import type { PopQueue } from './pop-queue.ts'
import { withOriginalTopic } from './retry-records.ts'
import { retryTopicsOf } from './retry-topics.ts'

/** What one look at a topic's queues has brought. */
export interface Taken {
  /** The answer, when there is a message. */
  readonly answer: AnswerOf<typeof brokerRequests.popMessage> | undefined
  /** Nothing was found and yet there may be more: another pop was at it, or a filter has more to look through. */
  readonly lookAgain: boolean
}

/** One request's gathering. */
interface Gathering {
  readonly header: PopHeader
  readonly services: BrokerServices
  readonly filter: MessageFilter | undefined
  readonly popTime: number
  readonly reviveQueueId: number
  readonly results: GetMessageResult[]
  readonly body: Uint8Array[]
  readonly committed: Promise<unknown>[]
  count: number
  restNum: number
  lookAgain: boolean
  startOffsetInfo: string
  msgOffsetInfo: string
  orderCountInfo: string
}

/**
 * Looks at the queues in a random order, and at the group's retry topic before or behind them, until there are enough messages
 * (PopMessageProcessor.java). Rejects with the ResponseError to answer; what was taken then comes back after its time.
 */
export async function takeMessages(
  header: PopHeader,
  topic: NamedTopic,
  filter: MessageFilter | undefined,
  services: BrokerServices,
): Promise<Taken> {
  const { world, config, pops, topics } = services
  const gathering: Gathering = {
    header,
    services,
    filter,
    popTime: world.clock.now(),
    reviveQueueId: header.order ? ORDER_REVIVE_QUEUE : pops.ledger.nextReviveQueue(),
    results: [],
    body: [],
    committed: [],
    count: 0,
    restNum: 0,
    lookAgain: false,
    startOffsetInfo: '',
    msgOffsetInfo: '',
    orderCountInfo: '',
  }
  const random = world.random.int(100)
  // One answer has room for one retry topic: with both versions to read, they take turns.
  const retryTopics = header.order ? [] : retryTopicsOf(header.topic, header.consumerGroup, config)
  const retryTopic = topics.get(retryTopics[random % Math.max(1, retryTopics.length)] ?? '')
  const retryFirst = random < config.popFromRetryProbability
  try {
    if (retryTopic !== undefined && retryFirst) await takeFromTopic(gathering, retryTopic, true, random)
    if (header.queueId >= 0) await takeFromQueue(gathering, topic.topicName, false, header.queueId)
    else await takeFromTopic(gathering, topic, false, random)
    if (retryTopic !== undefined && !retryFirst) await takeFromTopic(gathering, retryTopic, true, random)
    if (gathering.count === 0) return { answer: undefined, lookAgain: gathering.lookAgain }
    await Promise.all(gathering.committed)
  } catch (error) {
    for (const result of gathering.results) result.release()
    throw error
  }
  return { answer: answer(gathering), lookAgain: false }
}

function answer(gathering: Gathering): AnswerOf<typeof brokerRequests.popMessage> {
  const { header, results } = gathering
  return {
    remark: 'FOUND',
    popTime: gathering.popTime,
    invisibleTime: header.invisibleTime,
    reviveQid: gathering.reviveQueueId,
    restNum: Math.max(0, gathering.restNum),
    startOffsetInfo: gathering.startOffsetInfo,
    msgOffsetInfo: gathering.msgOffsetInfo,
    ...(header.order ? { orderCountInfo: gathering.orderCountInfo } : {}),
    body: gathering.body,
    written: () => {
      for (const result of results) result.release()
    },
  }
}

async function takeFromTopic(gathering: Gathering, topic: NamedTopic, retry: boolean, random: number): Promise<void> {
  for (let i = 0; i < topic.readQueueNums; i++)
    await takeFromQueue(gathering, topic.topicName, retry, (random + i) % topic.readQueueNums)
}

async function takeFromQueue(gathering: Gathering, topic: string, retry: boolean, queueId: number): Promise<void> {
  const { header, services } = gathering
  const { pops, store } = services
  const queue = pops.ledger.queue(topic, header.consumerGroup, queueId)
  if (queue.locked) {
    if (!header.order)
      gathering.restNum += store.maxOffset(topic, queueId) - lookOffset(topic, header.consumerGroup, queueId, services)
    gathering.lookAgain = true
    return
  }
  await takeAlone(gathering, queue, retry)
}

/** Lets the queue go in the same turn when everything is in memory: others of this turn find it free. */
async function takeAlone(gathering: Gathering, queue: PopQueue, retry: boolean): Promise<void> {
  queue.locked = true
  try {
    const reading = takeLocked(gathering, queue, retry)
    if (reading !== undefined) await reading
  } finally {
    queue.locked = false
  }
}

function takeLocked(gathering: Gathering, queue: PopQueue, retry: boolean): Promise<void> | undefined {
  const { header, services } = gathering
  const { topic, group, queueId } = queue
  const { pops, store, config } = services
  applyReset(queue, services)
  const startOffset = popOffset(queue, header.initMode, services)
  if (header.order && pops.orders.isBlocked(topic, group, queueId, header.attemptId, header.invisibleTime)) return
  const wanted = header.maxMsgNums - gathering.count
  if (wanted <= 0 || tooManyInFlight(queue, config)) {
    gathering.restNum += Math.max(0, store.maxOffset(topic, queueId) - startOffset)
    return
  }
  const found = read(gathering, queue, startOffset, wanted)
  if (!(found instanceof Promise) && !isWrongOffset(found)) {
    takeFound(gathering, queue, retry, startOffset, found)
    return
  }
  return takeLater(gathering, queue, retry, startOffset, wanted, found)
}

const read = ({ services, filter }: Gathering, { topic, queueId }: PopQueue, queueOffset: number, maxCount: number) =>
  services.store.getMessage({ topic, queueId, queueOffset, maxCount, filter })

const isWrongOffset = ({ status }: GetMessageResult) =>
  status === 'OFFSET_TOO_SMALL' || status === 'OFFSET_OVERFLOW_BADLY' || status === 'OFFSET_FOUND_NULL'

async function takeLater(
  gathering: Gathering,
  queue: PopQueue,
  retry: boolean,
  startOffset: number,
  wanted: number,
  found: GetMessageResult | Promise<GetMessageResult>,
): Promise<void> {
  let result = await found
  let from = startOffset
  if (isWrongOffset(result)) {
    // The group's offset is not one of the queue's any more.
    from = result.nextBeginOffset
    gathering.services.pops.ledger.reset(queue)
    gathering.services.offsets.commit(queue.group, queue.topic, queue.queueId, from)
    result.release()
    result = await read(gathering, queue, from, wanted)
  }
  takeFound(gathering, queue, retry, from, result)
}

function takeFound(
  gathering: Gathering,
  queue: PopQueue,
  retry: boolean,
  startOffset: number,
  result: GetMessageResult,
): void {
  const { header, services } = gathering
  const { topic, group, queueId } = queue
  gathering.restNum += Math.max(0, result.maxOffset - result.nextBeginOffset)
  if (result.messageCount === 0) {
    result.release()
    if (result.nextBeginOffset <= startOffset) return
    if (header.order) services.offsets.commit(group, topic, queueId, result.nextBeginOffset)
    else services.pops.ledger.skipped(queue, result.nextBeginOffset)
    if (result.nextBeginOffset < result.maxOffset) gathering.lookAgain = true
    return
  }
  try {
    take(gathering, queue, retry, startOffset, result)
  } catch (error) {
    result.release()
    // With something in hand already, the rest can wait.
    if (gathering.count === 0 || !(error instanceof ResponseError)) throw error
  }
}

/** Nothing is awaited between the look at the queue and this: nobody else has taken the same messages. */
function take(
  gathering: Gathering,
  queue: PopQueue,
  retry: boolean,
  startOffset: number,
  result: GetMessageResult,
): void {
  const { header, services, popTime, reviveQueueId } = gathering
  const { pops, offsets, config, stats } = services
  const { topic, group, queueId } = queue
  const queueOffsets = offsetsOf(result.records)
  const { invisibleTime } = header
  if (header.order) {
    const counts = pops.orders.popped({
      topic,
      group,
      queueId,
      attemptId: header.attemptId,
      popTime,
      invisibleTime,
      queueOffsets,
    })
    gathering.orderCountInfo = gathering.orderCountInfo === '' ? counts : `${gathering.orderCountInfo};${counts}`
    offsets.commit(group, topic, queueId, startOffset)
  } else {
    const fields = { topic, group, queueId, startOffset, popTime, invisibleTime, reviveQueueId }
    const diffs = queueOffsets.map(offset => offset - startOffset)
    const committed = pops.ledger.popped({ ...fields, diffs, brokerName: config.brokerName }, result.nextBeginOffset)
    if (committed !== undefined) {
      committed.catch(() => {})
      gathering.committed.push(committed)
    }
    if (queue.isNew) {
      queue.isNew = false
      // A restart moves only offsets that it finds: those of a topic that was deleted must stay away.
      gathering.committed.push(offsets.flush().catch(() => {}))
    }
  }
  gathering.startOffsetInfo = addStartOffset(gathering.startOffsetInfo, topic, queueId, startOffset)
  gathering.msgOffsetInfo = addMessageOffsets(gathering.msgOffsetInfo, topic, queueId, queueOffsets)
  gathering.count += result.messageCount
  stats.got(header.topic, group, result)
  if (!retry || config.popResponseReturnActualRetryTopic) {
    gathering.results.push(result)
    gathering.body.push(...result.records)
    return
  }
  const handle = { startOffset, popTime, invisibleTime, reviveQueueId, topic, brokerName: config.brokerName, queueId }
  gathering.body.push(...withOriginalTopic(result.records, header.topic, handle))
  result.release()
}

/** An operator's reset takes effect with the next pop (PopMessageProcessor.java#resetPopOffset). */
function applyReset(queue: PopQueue, { offsets, pops }: BrokerServices): void {
  const { topic, group, queueId } = queue
  const target = offsets.takeReset(group, topic, queueId)
  if (target === undefined) return
  pops.orders.clear(topic, group, queueId)
  pops.ledger.reset(queue)
  offsets.commit(group, topic, queueId, target)
}

function tooManyInFlight(
  queue: PopQueue,
  { enablePopMessageThreshold, popInflightMessageThreshold }: BrokerServices['config'],
): boolean {
  if (!enablePopMessageThreshold) return false
  let count = 0
  for (const point of queue.checkPoints.values()) count += point.unackedCount
  return count > popInflightMessageThreshold
}

export function offsetsOf(records: readonly Uint8Array[]): number[] {
  const offsets: number[] = []
  for (const slice of records)
    for (let at = 0; at < slice.length; at += recordTotalSize(slice, at)) offsets.push(recordQueueOffset(slice, at))
  return offsets
}

/** Whether a look now may bring a message: cheap, and never false when one is there that a pop may take. */
export function mayFind(header: PopHeader, topic: NamedTopic, services: BrokerServices): boolean {
  const { topics, config, pops } = services
  const group = header.consumerGroup
  const isFree = (queueId: number) =>
    !header.order || !pops.orders.isBlocked(topic.topicName, group, queueId, header.attemptId, header.invisibleTime)
  if (header.queueId >= 0) {
    if (isFree(header.queueId) && hasMore(topic.topicName, group, header.queueId, services)) return true
  } else {
    for (let queueId = 0; queueId < topic.readQueueNums; queueId++)
      if (isFree(queueId) && hasMore(topic.topicName, group, queueId, services)) return true
  }
  if (header.order) return false
  return retryTopicsOf(header.topic, group, config).some(name => {
    const retryTopic = topics.get(name)
    if (retryTopic === undefined) return false
    for (let queueId = 0; queueId < retryTopic.readQueueNums; queueId++)
      if (hasMore(name, group, queueId, services)) return true
    return false
  })
}

function hasMore(topic: string, group: string, queueId: number, services: BrokerServices): boolean {
  if (services.store.maxOffset(topic, queueId) <= lookOffset(topic, group, queueId, services)) return false
  // Else a pop that waits would look again and again, and nobody else be served.
  const queue = services.pops.ledger.queues.get(`${topic}@${group}@${queueId}`)
  return queue === undefined || !tooManyInFlight(queue, services.config)
}
