import type { BrokerConfig } from '@rocketcluster/config'
import {
  decodeBatch,
  notAllowedSendTopics,
  ResponseError,
  sysFlag,
  topicProblem,
  transactionType,
} from '@rocketcluster/protocol'
import { type NamedTopic, PERM_WRITE } from '../metadata/system-topics.ts'
import type { Topics } from '../metadata/topics.ts'
import type { BrokerStats } from '../stats.ts'
import type { Store } from '../store/store.ts'
import type { Appended, MessageToStore, PutStatus } from '../store/types.ts'
import { outgoing } from './outgoing-message.ts'
import type { Puts } from './puts.ts'
import type { PropertyTraits, StoredProperties } from './stored-properties.ts'

/** What the header of any send request says, whichever version it came in. */
export interface SendHeader {
  readonly topic: string
  readonly defaultTopic: string
  readonly defaultTopicQueueNums: number
  /** Negative: the broker picks one. */
  readonly queueId: number
  readonly sysFlag: number
  readonly bornTimestamp: number
  readonly reconsumeTimes?: number
  readonly batch?: boolean
}

/** What travels beside the header. The buffers are only read during the call. */
export interface SendContent {
  /** The message's own flag; a header's `flag` may be the command's. */
  readonly flag: number
  readonly body: Buffer
  /** The encoded properties string in UTF-8. */
  readonly properties: Buffer
  /** Address and port of the producer in the record's form. */
  readonly bornHost: Uint8Array
}

/** Messages that have their place in the log; whether they keep it, `committed` tells. */
export interface AcceptedSend {
  readonly queueId: number
  /** The producer's id for the message, or the one made for it. */
  readonly uniqKey: string | undefined
  /** One, or one for each message of a batch. */
  readonly appended: readonly Appended[]
  /** Rejects with the ResponseError to answer when the log could not be written. */
  readonly committed: Promise<PutStatus>
}

/** The sends of one commit group, counted together. */
interface OutstandingGroup {
  readonly committed: Promise<PutStatus>
  count: number
  bytes: number
}

/** sendThreadPoolQueueCapacity of BrokerConfig.java: sends that may wait for the disk. */
export const MAX_OUTSTANDING_SENDS = 10_000

const NOTHING = Buffer.alloc(0)

/**
 * Takes producers' messages into the store, with RocketMQ's checks in RocketMQ's order (SendMessageProcessor.java,
 * AbstractSendMessageProcessor.java#msgCheck). Synchronous when the topic exists, so that the messages of one
 * connection reach their queue in the order in which they were sent.
 */
export class Sends {
  readonly #config: BrokerConfig
  readonly #topics: Topics
  readonly #store: Store
  readonly #puts: Puts
  readonly #properties: StoredProperties
  readonly #randomInt: (bound: number) => number
  readonly #now: () => number
  readonly msgId: (physicalOffset: number) => string
  readonly #stats: BrokerStats
  /** The store copies what it is given, so one object serves all single messages. */
  readonly #message: { -readonly [K in keyof MessageToStore]: MessageToStore[K] } = {
    topic: '',
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 0,
    bornHost: NOTHING,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: NOTHING,
    properties: NOTHING,
    tagsCode: 0,
    uniqKey: undefined,
    keys: undefined,
  }
  #group: OutstandingGroup | undefined
  #outstanding = 0
  #outstandingBytes = 0

  constructor(parts: {
    config: BrokerConfig
    topics: Topics
    store: Store
    puts: Puts
    properties: StoredProperties
    /** Makes the id that SEND answers carry of a physical offset. */
    msgId: (physicalOffset: number) => string
    randomInt: (bound: number) => number
    /** Wall time in milliseconds. */
    now: () => number
    stats: BrokerStats
  }) {
    this.#config = parts.config
    this.#topics = parts.topics
    this.#store = parts.store
    this.#puts = parts.puts
    this.#properties = parts.properties
    this.#randomInt = parts.randomInt
    this.#now = parts.now
    this.msgId = parts.msgId
    this.#stats = parts.stats
  }

  /** Sends that wait for the disk now. */
  get outstanding(): number {
    return this.#outstanding
  }

  /** Throws, or rejects with, the ResponseError to answer. Nothing is stored then. */
  accept(header: SendHeader, content: SendContent): AcceptedSend | Promise<AcceptedSend> {
    this.#admit(content.body.length)
    if (this.#config.startAcceptSendRequestTimeStamp > 0) this.#refuseBeforeOpening()
    const topic = this.#topics.get(header.topic)
    if (topic) return this.#append(topic, header, content)
    return this.#createAndAppend(header, content)
  }

  async #createAndAppend(header: SendHeader, content: SendContent): Promise<AcceptedSend> {
    // The frame's memory is the connection's again after this turn.
    const kept = { ...content, body: Buffer.from(content.body), properties: Buffer.from(content.properties) }
    return this.#append(await this.#create(header), header, kept)
  }

  /** More than the disk can take is refused at once instead of piling up: the client tries another broker. */
  #admit(bytes: number): void {
    const { sendInFlightBytes } = this.#config
    if (this.#outstanding >= MAX_OUTSTANDING_SENDS || this.#outstandingBytes + bytes > sendInFlightBytes)
      throw new ResponseError(
        'SYSTEM_BUSY',
        `[OVERLOAD]system busy, start flow control for a while: ${this.#outstanding} sends with ${this.#outstandingBytes} bytes wait for the disk, ` +
          `at most ${MAX_OUTSTANDING_SENDS} with ${sendInFlightBytes} bytes may`,
      )
  }

  #refuseBeforeOpening(): void {
    const { startAcceptSendRequestTimeStamp: openMs } = this.#config
    if (this.#now() < openMs)
      throw new ResponseError(
        'SYSTEM_ERROR',
        `broker unable to service, until ${new Date(openMs).toISOString()} (startAcceptSendRequestTimeStamp)`,
      )
  }

  #create(header: SendHeader): Promise<NamedTopic> {
    const problem = topicProblem(header.topic)
    if (problem) throw new ResponseError('INVALID_PARAMETER', problem)
    if (notAllowedSendTopics.has(header.topic)) throw forbiddenTopic(header.topic)
    if (header.topic.startsWith('%RETRY%')) return this.#topics.createInternal(header.topic, 1)
    return this.#topics.createByExample({
      topic: header.topic,
      defaultTopic: header.defaultTopic,
      queueNums: header.defaultTopicQueueNums,
    })
  }

  #append(topic: NamedTopic, header: SendHeader, content: SendContent): AcceptedSend {
    if (notAllowedSendTopics.has(topic.topicName)) throw forbiddenTopic(topic.topicName)
    // Apache lets a broker without write permission accept what is not ordered (routes that clients still hold would
    // fail for 30 s otherwise); only an ordered topic must stop at once, before its keys move to another broker.
    if ((this.#config.brokerPermission & PERM_WRITE) === 0 && topic.order)
      throw new ResponseError('NO_PERMISSION', `the broker[${this.#config.brokerIP1}] sending message is forbidden`)
    if ((topic.perm & PERM_WRITE) === 0)
      throw new ResponseError(
        'NO_PERMISSION',
        `the topic[${topic.topicName}] sending message is forbidden, its perm is ${topic.perm}`,
      )
    const queues = Math.max(topic.writeQueueNums, topic.readQueueNums)
    if (header.queueId >= queues)
      throw new ResponseError(
        'INVALID_PARAMETER',
        `request queueId[${header.queueId}] is illegal, topic ${topic.topicName} has the queues 0 to ${queues - 1}`,
      )
    const queueId = header.queueId < 0 ? this.#randomInt(Math.max(1, topic.writeQueueNums)) : header.queueId
    return header.batch
      ? this.#appendBatch(topic, queueId, header, content)
      : this.#appendOne(topic, queueId, header, content)
  }

  #appendOne(topic: NamedTopic, queueId: number, header: SendHeader, content: SendContent): AcceptedSend {
    const properties = this.#properties.rewrite(content.properties)
    const { traits } = this.#properties
    if (topic.attributes.get('cleanup.policy') === 'COMPACTION' && !traits.keys)
      throw new ResponseError('MESSAGE_ILLEGAL', 'Required message key is missing')
    const { uniqKey, waitStoreMsgOK } = traits
    const message = this.#message
    message.topic = topic.topicName
    message.queueId = queueId
    message.flag = content.flag
    message.sysFlag = storedSysFlag(header.sysFlag, content.bornHost)
    message.bornTimestamp = header.bornTimestamp
    message.bornHost = content.bornHost
    message.reconsumeTimes = header.reconsumeTimes ?? 0
    message.body = content.body
    message.properties = properties
    message.tagsCode = traits.tagsCode
    message.uniqKey = uniqKey
    message.keys = traits.keys
    const special = traits.delay !== undefined || traits.transactionPrepared
    const appended = special ? this.#appendSpecial(traits, message) : this.#store.append(message)
    return {
      queueId,
      uniqKey,
      appended: [appended],
      committed: this.#commit(topic.topicName, appended, 1, appended.sizeBytes, waitStoreMsgOK),
    }
  }

  /** A half message, or one that comes later: its properties decide where it waits. */
  #appendSpecial(traits: PropertyTraits, message: MessageToStore): Appended {
    if (traits.transactionPrepared)
      throw new ResponseError(
        'MESSAGE_ILLEGAL',
        'property TRAN_MSG: transactional messages are not supported by this broker version',
      )
    return this.#puts.append(outgoing(message))
  }

  #appendBatch(topic: NamedTopic, queueId: number, header: SendHeader, content: SendContent): AcceptedSend {
    if (topic.topicName.startsWith('%RETRY%'))
      throw new ResponseError('MESSAGE_ILLEGAL', `batch request does not support retry group ${topic.topicName}`)
    const { maxMessageSize } = this.#config
    if (content.body.length > maxMessageSize)
      throw new ResponseError(
        'MESSAGE_ILLEGAL',
        `batch body of ${content.body.length} bytes exceeds maxMessageSize ${maxMessageSize}`,
      )
    const { uniqKey, waitStoreMsgOK } = { ...this.#properties.scan(content.properties) }
    const flags = storedSysFlag(header.sysFlag, content.bornHost)
    const messages: MessageToStore[] = []
    for (const item of itemsOf(content.body)) {
      const traits = this.#properties.scan(item.properties)
      refuseWhatWouldBeWrong(header.sysFlag, traits.delay, traits.transactionPrepared)
      messages.push({
        topic: topic.topicName,
        queueId,
        flag: item.flag,
        sysFlag: flags,
        bornTimestamp: header.bornTimestamp,
        bornHost: content.bornHost,
        reconsumeTimes: header.reconsumeTimes ?? 0,
        preparedTransactionOffset: 0,
        body: item.body,
        properties: item.properties,
        tagsCode: traits.tagsCode,
        uniqKey: traits.uniqKey,
        keys: traits.keys,
      })
    }
    if (messages.length === 0) throw new ResponseError('MESSAGE_ILLEGAL', 'a batch without messages')
    const appended = this.#store.appendBatch(messages)
    const sizeBytes = appended.reduce((sum, one) => sum + one.sizeBytes, 0)
    const committed = this.#commit(topic.topicName, appended.at(-1)!, messages.length, sizeBytes, waitStoreMsgOK)
    return { queueId, uniqKey, appended, committed }
  }

  #commit(topic: string, last: Appended, count: number, sizeBytes: number, wait: boolean): Promise<PutStatus> {
    this.#stats.put(topic, count, sizeBytes)
    const committed = this.#store.committed(last.physicalOffset + last.sizeBytes, wait)
    let group = this.#group
    if (group?.committed !== committed) this.#group = group = this.#startGroup(committed)
    // A batch is one request, however many messages it brings: as in Apache's queue of requests.
    group.count++
    group.bytes += sizeBytes
    this.#outstanding++
    this.#outstandingBytes += sizeBytes
    return committed
  }

  /** Apart from `#commit`, which runs for each message and must not allocate a context for these closures. */
  #startGroup(committed: Promise<PutStatus>): OutstandingGroup {
    const started: OutstandingGroup = { committed, count: 0, bytes: 0 }
    const done = () => {
      this.#outstanding -= started.count
      this.#outstandingBytes -= started.bytes
      if (this.#group === started) this.#group = undefined
    }
    committed.then(done, done)
    return started
  }
}

function itemsOf(body: Buffer): ReturnType<typeof decodeBatch> {
  try {
    return decodeBatch(body)
  } catch (error) {
    throw new ResponseError('MESSAGE_ILLEGAL', `the batch cannot be read: ${(error as Error).message}`)
  }
}

const forbiddenTopic = (topic: string) =>
  new ResponseError('NO_PERMISSION', `Sending message to topic[${topic}] is forbidden.`)

/**
 * Delayed and half messages are not delivered by this version. Storing them as ordinary ones would show them to
 * consumers too early, or before their transaction is decided: that is worse than a clear refusal.
 */
function refuseWhatWouldBeWrong(flags: number, delay: string | undefined, transactionPrepared: boolean): void {
  if (delay)
    throw new ResponseError(
      'MESSAGE_ILLEGAL',
      `property ${delay}: delayed messages are not supported by this broker version`,
    )
  if (transactionPrepared || transactionType(flags) !== 'NONE')
    throw new ResponseError(
      'MESSAGE_ILLEGAL',
      'property TRAN_MSG: transactional messages are not supported by this broker version',
    )
}

/** The flag bits say how long the host addresses in the record are; the store adds the bit for its own. */
function storedSysFlag(sent: number, bornHost: Uint8Array): number {
  const plain = sent & ~(sysFlag.BORNHOST_V6 | sysFlag.STOREHOST_V6)
  return bornHost.length > 8 ? plain | sysFlag.BORNHOST_V6 : plain
}
