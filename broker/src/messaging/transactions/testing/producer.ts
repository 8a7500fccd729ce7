import {
  brokerRequests,
  clientRequests,
  type DecodedMessage,
  decodeRecord,
  heartbeatData,
  parseOffsetMsgId,
  type ReplyOf,
} from '@rocketcluster/protocol'
import { RemotingClient } from '@rocketcluster/remoting'
import { type Fixture, PORT, propertiesOf } from '../../../testing/broker-fixture.ts'

export const COMMIT = 8
export const ROLLBACK = 12
export const UNKNOWN = 0

/** What END_TRANSACTION needs to know of a half message. */
export interface Prepared {
  readonly tranStateTableOffset: number
  readonly commitLogOffset: number
  readonly uniqKey: string
}

export interface Question extends Prepared {
  readonly message: DecodedMessage
}

/** A transactional producer on a machine of its own. */
export class TestProducer {
  readonly questions: Question[] = []
  /** What it says when it is asked; undefined says nothing. */
  answer: (question: Question) => number | undefined = () => undefined
  readonly client: RemotingClient
  readonly group: string
  readonly #address: () => string
  readonly #id: string

  constructor(fixture: Pick<Fixture, 'sim' | 'host'>, machine: string, group = 'PG') {
    this.client = new RemotingClient(fixture.sim.host(machine).world, {})
    this.group = group
    this.#id = machine
    this.#address = () => `${fixture.host.address}:${PORT}`
    this.client.handle(clientRequests.checkTransactionState, (header, { body }) => {
      const question = {
        tranStateTableOffset: header.tranStateTableOffset,
        commitLogOffset: header.commitLogOffset,
        uniqKey: header.transactionId ?? '',
        message: decodeRecord(Buffer.from(body!)),
      }
      this.questions.push(question)
      const answer = this.answer(question)
      if (answer !== undefined) this.end(question, answer, { fromTransactionCheck: true, oneWay: true }).catch(() => {})
      return {}
    })
  }

  async heartbeat(): Promise<void> {
    await this.client.invoke(
      this.#address(),
      brokerRequests.heartBeat,
      {},
      {
        body: heartbeatData.encode({
          clientID: this.#id,
          producerDataSet: [{ groupName: this.group }],
          consumerDataSet: [],
        } as never) as never,
        timeoutMs: 3000,
      },
    )
  }

  async prepare(
    topic: string,
    uniqKey: string,
    more: { body?: string; properties?: Record<string, string>; bornTimestamp: number },
  ): Promise<Prepared> {
    const reply: ReplyOf<typeof brokerRequests.sendMessageV2> = await this.client.invoke(
      this.#address(),
      brokerRequests.sendMessageV2,
      {
        producerGroup: this.group,
        topic,
        defaultTopic: 'TBW102',
        defaultTopicQueueNums: 4,
        queueId: 0,
        sysFlag: 4,
        bornTimestamp: more.bornTimestamp,
        flag: 0,
        properties: propertiesOf({
          TRAN_MSG: 'true',
          PGROUP: this.group,
          UNIQ_KEY: uniqKey,
          TAGS: 'tag',
          ...more.properties,
        }),
        reconsumeTimes: 0,
        unitMode: false,
        batch: false,
      },
      { body: Buffer.from(more.body ?? uniqKey), timeoutMs: 3000 },
    )
    return {
      tranStateTableOffset: Number(reply.queueOffset),
      commitLogOffset: parseOffsetMsgId(reply.msgId).physicalOffset,
      uniqKey: reply.transactionId ?? '',
    }
  }

  async end(
    { tranStateTableOffset, commitLogOffset, uniqKey }: Prepared,
    commitOrRollback: number,
    { fromTransactionCheck = false, oneWay = false, producerGroup = this.group } = {},
  ) {
    const header = {
      producerGroup,
      tranStateTableOffset,
      commitLogOffset,
      commitOrRollback,
      fromTransactionCheck,
      msgId: uniqKey,
      transactionId: uniqKey,
    }
    if (oneWay) {
      await this.client.invokeOneWay(this.#address(), brokerRequests.endTransaction, header)
      return undefined
    }
    return this.client.invoke(this.#address(), brokerRequests.endTransaction, header, { timeoutMs: 5000 })
  }
}
