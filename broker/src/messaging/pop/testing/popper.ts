import { brokerRequests, type DecodedMessage, decodeRecords, type HeaderOf, property } from '@rocketcluster/protocol'
import type { RemotingClient } from '@rocketcluster/remoting'
import type { Fixture } from '../../../testing/broker-fixture.ts'
import { parseHandle, printHandle } from '../extra-info.ts'
import { realTopic } from '../retry-topics.ts'

export interface Popped {
  readonly message: DecodedMessage
  readonly body: string
  readonly reconsumeTimes: number
  /** The topic it was read from, maybe a retry topic. */
  readonly realTopic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly popTime: number
  readonly invisibleTime: number
  readonly handle: string
}

export interface PopOptions extends Partial<HeaderOf<typeof brokerRequests.popMessage>> {
  readonly client?: RemotingClient
}

/** A pop consumer as Apache's client is one: it makes the receipt handles of the answer's fields (MQClientAPIImpl.java#processPopResponse). */
export class Popper {
  fixture: Fixture
  readonly topic: string
  readonly group: string
  /** restNum, orderCountInfo and status of the last answer. */
  last: { status: string; restNum: number; orderCountInfo: string | undefined } | undefined

  constructor(fixture: Fixture, { topic, group }: { topic: string; group: string }) {
    this.fixture = fixture
    this.topic = topic
    this.group = group
  }

  async pop({ client, ...header }: PopOptions = {}): Promise<Popped[]> {
    const answer = await this.fixture.ask(
      brokerRequests.popMessage,
      {
        consumerGroup: this.group,
        topic: this.topic,
        queueId: -1,
        maxMsgNums: 32,
        invisibleTime: 60_000,
        pollTime: 0,
        bornTime: 0,
        initMode: 0,
        ...header,
      },
      { client, timeoutMs: 40_000 },
    )
    this.last = { status: answer.status, restNum: answer.restNum, orderCountInfo: answer.orderCountInfo }
    if (answer.status !== 'SUCCESS') return []
    const starts = new Map(
      (answer.startOffsetInfo ?? '').split(';').map(entry => {
        const [type, queueId, offset] = entry.split(' ')
        return [`${type}@${queueId}`, Number(offset)]
      }),
    )
    return decodeRecords(Buffer.from(answer.body!)).map(message => {
      const type = message.topic.startsWith('%RETRY%') ? (message.topic.includes('+') ? '2' : '1') : '0'
      const startOffset = starts.get(`${type}@${message.queueId}`)
      const handle =
        message.property(property.POP_CK) ??
        printHandle({
          startOffset: startOffset!,
          popTime: answer.popTime,
          invisibleTime: answer.invisibleTime,
          reviveQueueId: answer.reviveQid,
          topic: message.topic,
          brokerName: 'broker-a',
          queueId: message.queueId,
          queueOffset: message.queueOffset,
        })
      return {
        message,
        body: message.body.toString(),
        reconsumeTimes: message.reconsumeTimes,
        realTopic: realTopic(this.topic, this.group, handle.split(' ')[4])!,
        queueId: message.queueId,
        queueOffset: message.queueOffset,
        popTime: answer.popTime,
        invisibleTime: answer.invisibleTime,
        handle,
      }
    })
  }

  ack(popped: Popped, handle = popped.handle) {
    return this.fixture.ask(brokerRequests.ackMessage, {
      consumerGroup: this.group,
      topic: popped.realTopic,
      queueId: popped.queueId,
      extraInfo: handle,
      offset: popped.queueOffset,
    })
  }

  /** Resolves with the message under its new handle. */
  async changeInvisibleTime(popped: Popped, invisibleTime: number): Promise<Popped> {
    const answer = await this.fixture.ask(brokerRequests.changeMessageInvisibletime, {
      consumerGroup: this.group,
      topic: popped.realTopic,
      queueId: popped.queueId,
      extraInfo: popped.handle,
      offset: popped.queueOffset,
      invisibleTime,
    })
    const { reviveQueueId, brokerName } = parseHandle(popped.handle)
    const ordered = reviveQueueId === 999
    const handle = printHandle({
      startOffset: ordered ? parseHandle(popped.handle).startOffset : popped.queueOffset,
      popTime: answer.popTime,
      invisibleTime: answer.invisibleTime,
      reviveQueueId: answer.reviveQid,
      topic: popped.realTopic,
      brokerName,
      queueId: popped.queueId,
      queueOffset: popped.queueOffset,
    })
    return { ...popped, popTime: answer.popTime, invisibleTime: answer.invisibleTime, handle }
  }
}
