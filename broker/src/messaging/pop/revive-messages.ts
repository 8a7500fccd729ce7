import { type DecodedMessage, property } from '@rocketcluster/protocol'
import { type OutgoingMessage, ownMessage } from '../outgoing-message.ts'
import { CheckPoint, MAX_POP_MESSAGES } from './check-point.ts'

/*
 * The messages of rmq_sys_REVIVE_LOG_<cluster> (PopCheckPoint.java, AckMsg.java, BatchAckMsg.java): the tag says which, the
 * body is JSON with short names. TIMER_DELIVER_MS is the time of writing: Apache's PopReviveService takes the newest one for
 * the time up to which it has seen all acks, and that is what it is here (there they come through the timer, here at once).
 */

/** PopAckConstants.java */
export const CHECK_POINT_TAG = 'ck'
export const ACK_TAG = 'ack'
export const BATCH_ACK_TAG = 'bAck'
export const REVIVE_GROUP = 'CID_RMQ_SYS_REVIVE_GROUP'
export const reviveTopicOf = (clusterName: string): string => `rmq_sys_REVIVE_LOG_${clusterName}`

/** Messages of one pop that are dealt with. */
export interface Acks {
  readonly topic: string
  readonly group: string
  readonly queueId: number
  readonly startOffset: number
  readonly popTime: number
  readonly brokerName: string
  readonly queueOffsets: readonly number[]
}

export interface ReviveMessageContext {
  readonly reviveTopic: string
  /** This broker's address in the record's form. */
  readonly storeHost: Uint8Array
  readonly now: number
}

export function checkPointMessage(context: ReviveMessageContext, point: CheckPoint): OutgoingMessage {
  const { topic, group, queueId, startOffset, popTime, brokerName } = point
  const body = {
    bm: point.acked,
    bn: brokerName,
    c: group,
    d: point.diffs,
    it: point.invisibleTime,
    n: point.diffs.length,
    // Ours: what a restart needs to go on where this pop ended.
    no: point.nextOffset,
    po: point.previousEnd,
    pt: popTime,
    q: queueId,
    ro: 0,
    so: startOffset,
    t: topic,
  }
  const id = `${topic}@${queueId}@${startOffset}@${group}@${popTime}@${brokerName}@ck`
  return reviveMessage(context, point.reviveQueueId, CHECK_POINT_TAG, id, body)
}

/** One `ack`, or for several messages one `bAck`. */
export function ackMessageOf(context: ReviveMessageContext, reviveQueueId: number, acks: Acks): OutgoingMessage {
  const { topic, group, queueId, startOffset, popTime, brokerName, queueOffsets } = acks
  const single = queueOffsets.length === 1
  const ackOffset = single ? queueOffsets[0]! : -1
  const body = { ao: ackOffset, bn: brokerName, c: group, pt: popTime, q: queueId, so: startOffset, t: topic }
  if (single) {
    const id = `${topic}@${queueId}@${ackOffset}@${group}@${popTime}@${brokerName}@ack`
    return reviveMessage(context, reviveQueueId, ACK_TAG, id, body)
  }
  const id = `${topic}@${queueId}@[${queueOffsets.join(', ')}]@${group}@${popTime}@bAck`
  return reviveMessage(context, reviveQueueId, BATCH_ACK_TAG, id, { ...body, aol: queueOffsets })
}

function reviveMessage(
  { reviveTopic, storeHost, now }: ReviveMessageContext,
  queueId: number,
  tag: string,
  uniqKey: string,
  body: object,
): OutgoingMessage {
  return ownMessage(storeHost, now, {
    topic: reviveTopic,
    queueId,
    body: Buffer.from(JSON.stringify(body)),
    properties: new Map([
      [property.TAGS, tag],
      [property.TIMER_DELIVER_MS, String(now)],
      [property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX, uniqKey],
    ]),
  })
}

export type ReviveRecord =
  | { readonly kind: 'checkPoint'; readonly point: CheckPoint }
  | { readonly kind: 'acks'; readonly acks: Acks }

/** What a message of the revive topic says, whoever wrote it; undefined when it is none of the three or cannot be read. */
export function readReviveMessage(message: DecodedMessage, brokerName: string): ReviveRecord | undefined {
  let body: Record<string, unknown>
  try {
    body = JSON.parse(message.body.toString()) as Record<string, unknown>
  } catch {
    return undefined
  }
  if (typeof body !== 'object' || body === null) return undefined
  const named = (short: string, long: string) => body[short] ?? body[long]
  const topic = named('t', 'topic')
  const group = named('c', 'consumerGroup')
  const queueId = named('q', 'queueId') ?? 0
  const startOffset = named('so', 'startOffset') ?? 0
  const popTime = named('pt', 'popTime') ?? 0
  if (typeof topic !== 'string' || typeof group !== 'string') return undefined
  if (!isOffset(queueId) || !isOffset(startOffset) || !isOffset(popTime)) return undefined
  const broker = named('bn', 'brokerName')
  const common = {
    topic,
    group,
    queueId,
    startOffset,
    popTime,
    brokerName: typeof broker === 'string' && broker !== '' ? broker : brokerName,
  }
  switch (message.tags) {
    case CHECK_POINT_TAG: {
      const invisibleTime = body.it ?? 0
      const num = body.n ?? 0
      const bits = body.bm ?? 0
      // Check points of early versions have no differences: their messages follow each other.
      const diffs =
        Array.isArray(body.d) && body.d.length > 0 ? body.d : Array.from({ length: Number(num) }, (_, i) => i)
      if (!isOffset(invisibleTime) || typeof bits !== 'number' || !diffs.every(isOffset)) return undefined
      if (diffs.length > MAX_POP_MESSAGES) return undefined
      const point = new CheckPoint({
        ...common,
        invisibleTime,
        diffs,
        reviveQueueId: message.queueId,
        ...(isOffset(body.no) && isOffset(body.po) ? { nextOffset: body.no, previousEnd: body.po } : {}),
      })
      point.acked = bits | 0
      return { kind: 'checkPoint', point }
    }
    case ACK_TAG: {
      const offset = named('ao', 'ackOffset')
      return isOffset(offset) ? { kind: 'acks', acks: { ...common, queueOffsets: [offset] } } : undefined
    }
    case BATCH_ACK_TAG: {
      const offsets = named('aol', 'ackOffsetList')
      return Array.isArray(offsets) && offsets.every(isOffset)
        ? { kind: 'acks', acks: { ...common, queueOffsets: offsets } }
        : undefined
    }
    default:
      return undefined
  }
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
