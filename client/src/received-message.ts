import type { DecodedMessage } from '@rocketcluster/protocol'
import type { MessageQueue } from './message-queue.ts'

/** A message from a queue. */
export interface ReceivedMessage {
  readonly messageQueue: MessageQueue
  readonly topic: string
  readonly body: Buffer
  readonly tags: string | undefined
  readonly keys: readonly string[]
  readonly properties: ReadonlyMap<string, string>
  /** UNIQ_KEY, or offsetMsgId where the producer gave none. */
  readonly msgId: string
  readonly offsetMsgId: string
  readonly queueOffset: number
  readonly physicalOffset: number
  readonly bornTimestamp: number
  readonly storeTimestamp: number
  readonly reconsumeTimes: number
  readonly flag: number
  /** The record as it was decoded, for all else. */
  readonly record: DecodedMessage
}

class Received implements ReceivedMessage {
  readonly messageQueue: MessageQueue
  readonly record: DecodedMessage

  constructor(messageQueue: MessageQueue, record: DecodedMessage) {
    this.messageQueue = messageQueue
    this.record = record
  }

  get topic(): string {
    return this.record.topic
  }
  get body(): Buffer {
    return this.record.body
  }
  get tags(): string | undefined {
    return this.record.tags
  }
  get keys(): readonly string[] {
    return this.record.keys
  }
  get properties(): ReadonlyMap<string, string> {
    return this.record.properties
  }
  get msgId(): string {
    return this.record.msgId
  }
  get offsetMsgId(): string {
    return this.record.offsetMsgId
  }
  get queueOffset(): number {
    return this.record.queueOffset
  }
  get physicalOffset(): number {
    return this.record.physicalOffset
  }
  get bornTimestamp(): number {
    return this.record.bornTimestamp
  }
  get storeTimestamp(): number {
    return this.record.storeTimestamp
  }
  get reconsumeTimes(): number {
    return this.record.reconsumeTimes
  }
  get flag(): number {
    return this.record.flag
  }
}

export function receivedMessage(messageQueue: MessageQueue, record: DecodedMessage): ReceivedMessage {
  return new Received(messageQueue, record)
}
