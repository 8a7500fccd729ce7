/** What RECALL_MESSAGE takes a timed message back by (RecallMessageHandle.java, version 1). */
export interface RecallHandle {
  readonly topic: string
  readonly brokerName: string
  /** As text: one millisecond behind the message's slot, so that rounding down leads to the slot. */
  readonly timestamp: string
  /** The message's UNIQ_KEY. */
  readonly messageId: string
}

/** URL-safe base64 with padding, as Java's `Base64.getUrlEncoder()`. */
export function encodeRecallHandle({ topic, brokerName, timestamp, messageId }: RecallHandle): string {
  const text = Buffer.from(['v1', topic, brokerName, timestamp, messageId].join(' ')).toString('base64')
  return text.replaceAll('+', '-').replaceAll('/', '_')
}

const ALPHABET = /^[A-Za-z0-9_-]*={0,2}$/

/** undefined when it is no handle of version 1. */
export function decodeRecallHandle(handle: string): RecallHandle | undefined {
  if (handle === '' || !ALPHABET.test(handle)) return undefined
  const [version, topic, brokerName, timestamp, messageId] = Buffer.from(handle, 'base64url').toString().split(' ')
  if (version !== 'v1' || messageId === undefined) return undefined
  return { topic: topic!, brokerName: brokerName!, timestamp: timestamp!, messageId }
}
