import type { BrokerConfig } from '@rocketcluster/config'
import {
  decodeBatch,
  decodeProperties,
  encodeProperties,
  isRetryTopic,
  notAllowedSendTopics,
  property,
  ResponseError,
  sysFlag,
  topicProblem,
  transactionType,
  withTransactionType,
} from '@rocketcluster/protocol'
import { type NamedTopic, PERM_WRITE } from '../metadata/system-topics.ts'
import { isCompacted } from '../metadata/topic-attributes.ts'
import type { Topics } from '../metadata/topics.ts'
import type { BrokerStats } from '../stats.ts'
import { compactionFileSizes, largestRecord } from '../store/compaction/file-sizes.ts'
import { type Store, unavailable } from '../store/store.ts'
import type { Appended, MessageToStore, PutStatus } from '../store/types.ts'
import { checkMessageType } from './message-type.ts'
import { outgoing } from './outgoing-message.ts'
import type { Puts } from './puts.ts'
import type { DeadLetters } from './retry/dead-letters.ts'
import { reusableMessage } from './reusable-message.ts'
import type { PropertyTraits, StoredProperties } from './stored-properties.ts'
import { recallHandleOf } from './timer/timer-redirect.ts'
import type { Transactions } from './transactions/transactions.ts'

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
  readonly maxReconsumeTimes?: number
  /** The client's (MQVersion). */
  readonly version?: number
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
  /** By what a message that waits for its time may be taken back. */
  readonly recallHandle: string | undefined
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

/** Of sysFlag: half, committed or rolled back. */
const TRANSACTION_BITS = sysFlag.TRANSACTION_ROLLBACK_TYPE
/** What a record has beside its body and properties: 91 bytes of fields, longer hosts and a topic. */
const RECORD_FIELDS_BYTES = 512
/** `%`, which names of retry topics begin with and of hardly any other. */
const PERCENT = 0x25

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
  readonly #transactions: Pick<Transactions, 'prepare'>
  readonly #deadLetters: DeadLetters
  readonly #properties: StoredProperties
  readonly #randomInt: (bound: number) => number
  readonly #now: () => number
  readonly msgId: (physicalOffset: number) => string
  readonly #stats: BrokerStats
  /** The store copies what it is given, so one object serves all single messages. */
  readonly #message = reusableMessage()
  #group: OutstandingGroup | undefined
  /** Of the message that was appended last. */
  #recallHandle: string | undefined
  #outstanding = 0
  #outstandingBytes = 0

  constructor(parts: {
    config: BrokerConfig
    topics: Topics
    store: Store
    puts: Puts
    transactions: Pick<Transactions, 'prepare'>
    deadLetters: DeadLetters
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
    this.#transactions = parts.transactions
    this.#deadLetters = parts.deadLetters
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
    const copy = kept(content)
    return this.#append(await this.#create(header), header, copy)
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
    const { writable } = this.#store
    // A topic must not come into being through a send that is refused, least of all on a slave.
    if (!writable.ok) throw unavailable(writable.reason)
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

  /**
   * The queue that a message is for, after the checks that any send passes; the topic is made where that is allowed. For
   * messages that take another way into the log. Rejects as `accept`.
   */
  async place(header: SendHeader): Promise<{ topic: NamedTopic; queueId: number }> {
    if (this.#config.startAcceptSendRequestTimeStamp > 0) this.#refuseBeforeOpening()
    const topic = this.#topics.get(header.topic) ?? (await this.#create(header))
    return { topic, queueId: this.#queueIdFor(topic, header) }
  }

  #append(topic: NamedTopic, header: SendHeader, content: SendContent): AcceptedSend | Promise<AcceptedSend> {
    const queueId = this.#queueIdFor(topic, header)
    if (header.batch) return this.#appendBatch(topic, queueId, header, content)
    if (topic.topicName.charCodeAt(0) === PERCENT && isRetryTopic(topic.topicName))
      return this.#appendRetry(topic, queueId, header, content)
    return this.#appendOne(topic, queueId, header, content)
  }

  /** Throws the ResponseError for a topic that may not be sent to, or a queue that it does not have. */
  #queueIdFor(topic: NamedTopic, header: SendHeader): number {
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
    return header.queueId < 0 ? this.#randomInt(Math.max(1, topic.writeQueueNums)) : header.queueId
  }

  /** A consumer could not send a message back: it sends it as a new one, which may be a dead letter by now. */
  #appendRetry(
    topic: NamedTopic,
    queueId: number,
    header: SendHeader,
    content: SendContent,
  ): AcceptedSend | Promise<AcceptedSend> {
    const destination = this.#deadLetters.destination(header)
    if (destination === undefined) return this.#appendOne(topic, queueId, header, content)
    if (destination instanceof Promise) {
      const copy = kept(content)
      return destination.then(found =>
        found ? this.#appendDead(found, queueId, header, copy) : this.#appendOne(topic, queueId, header, copy),
      )
    }
    return this.#appendDead(destination, queueId, header, content)
  }

  /** The answer names the queue that was asked for, as Apache's does. */
  #appendDead(topic: NamedTopic, queueId: number, header: SendHeader, content: SendContent): AcceptedSend {
    const properties = decodeProperties(content.properties).set(property.DELAY_TIME_LEVEL, '-1')
    const accepted = this.#appendOne(topic, 0, header, { ...content, properties: encodeProperties(properties) })
    return { ...accepted, queueId }
  }

  #appendOne(topic: NamedTopic, queueId: number, header: SendHeader, content: SendContent): AcceptedSend {
    const properties = this.#properties.rewrite(content.properties)
    const { traits } = this.#properties
    if (topic.attributes.size > 0)
      this.#refuseWhatAttributesForbid(topic, traits, content.body.length + properties.length)
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
    const special =
      traits.delay !== undefined || traits.transactionPrepared || (message.sysFlag & TRANSACTION_BITS) !== 0
    const appended = special ? this.#appendSpecial(traits, message) : this.#store.append(message)
    return {
      queueId,
      uniqKey,
      appended: [appended],
      recallHandle: special ? this.#takeRecallHandle() : undefined,
      committed: this.#commit(appended, 1, appended.sizeBytes, waitStoreMsgOK),
    }
  }

  #refuseWhatAttributesForbid(topic: NamedTopic, traits: PropertyTraits, bytes: number): void {
    if (isCompacted(topic)) this.#refuseWhatCannotBeCompacted(traits, bytes)
    if (this.#config.messageTypeCheckEnable) checkMessageType(topic, traits)
  }

  #refuseWhatCannotBeCompacted(traits: PropertyTraits, bytes: number): void {
    if (!traits.keys?.trim()) throw new ResponseError('MESSAGE_ILLEGAL', 'Required message key is missing')
    const most = largestRecord(compactionFileSizes(this.#config)) - RECORD_FIELDS_BYTES
    if (bytes > most && this.#config.enableCompaction)
      throw new ResponseError(
        'MESSAGE_ILLEGAL',
        `body and properties of ${bytes} bytes do not fit into a compaction log file (compactionMappedFileSize, compactionCqMappedFileSize); at most ${most} do`,
      )
  }

  /** A half message, or one that comes later: its properties decide where it waits. */
  #appendSpecial(traits: PropertyTraits, message: MessageToStore): Appended {
    // Clients before 4.6.1 send a committed message back to be retried with this property still on it.
    const isRetry = message.reconsumeTimes > 0 && traits.delay === 'DELAY'
    if (traits.transactionPrepared && !isRetry) {
      if (this.#config.rejectTransactionMessage)
        throw new ResponseError(
          'NO_PERMISSION',
          `the broker[${this.#config.brokerIP1}] sending transaction message is forbidden`,
        )
      return this.#transactions.prepare(outgoing(message))
    }
    // Apache stores it, and nobody ever sees it: records of that type have no place in a queue.
    if (!isRetry && transactionType(message.sysFlag) !== 'NONE')
      throw new ResponseError(
        'MESSAGE_ILLEGAL',
        `sysFlag ${message.sysFlag} says that the message is part of a transaction, and property TRAN_MSG does not`,
      )
    const plain = isRetry ? { ...message, sysFlag: withTransactionType(message.sysFlag, 'NONE') } : message
    const redirected = this.#puts.redirected(outgoing(plain))
    const appended = this.#puts.appendRedirected(redirected)
    this.#recallHandle = recallHandleOf(redirected, this.#config.brokerName)
    return appended
  }

  #takeRecallHandle(): string | undefined {
    const handle = this.#recallHandle
    this.#recallHandle = undefined
    return handle
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
    const { uniqKey, waitStoreMsgOK, delay, transactionPrepared } = this.#properties.scan(content.properties)
    refuseWhatWouldBeWrong(header.sysFlag, delay, transactionPrepared)
    const flags = storedSysFlag(header.sysFlag, content.bornHost)
    const messages: MessageToStore[] = []
    for (const item of itemsOf(content.body)) {
      const traits = this.#properties.scan(item.properties)
      refuseWhatWouldBeWrong(header.sysFlag, traits.delay, traits.transactionPrepared)
      // Apache takes those of a batch that have no key, and no consumer ever sees them.
      if (topic.attributes.size > 0)
        this.#refuseWhatAttributesForbid(topic, traits, item.body.length + item.properties.length)
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
    const committed = this.#commit(appended.at(-1)!, messages.length, sizeBytes, waitStoreMsgOK)
    return { queueId, uniqKey, appended, recallHandle: undefined, committed }
  }

  #commit(last: Appended, count: number, sizeBytes: number, wait: boolean): Promise<PutStatus> {
    // Delayed and half messages count where they wait, and in their own topic when they come there.
    this.#stats.put(last.topic, count, sizeBytes)
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

/** The frame's memory is the connection's again after this turn. */
const kept = (content: SendContent): SendContent => ({
  ...content,
  body: Buffer.from(content.body),
  properties: Buffer.from(content.properties),
})

const forbiddenTopic = (topic: string) =>
  new ResponseError('NO_PERMISSION', `Sending message to topic[${topic}] is forbidden.`)

/**
 * A batch is stored as it comes. Delayed and half messages in it would be shown to consumers too early, or before their
 * transaction is decided.
 */
function refuseWhatWouldBeWrong(flags: number, delay: string | undefined, transactionPrepared: boolean): void {
  if (delay) throw new ResponseError('MESSAGE_ILLEGAL', `property ${delay}: a batch may not carry delayed messages`)
  if (transactionPrepared || transactionType(flags) !== 'NONE')
    throw new ResponseError('MESSAGE_ILLEGAL', 'property TRAN_MSG: a batch may not carry transactional messages')
}

/** The flag bits say how long the host addresses in the record are; the store adds the bit for its own. */
function storedSysFlag(sent: number, bornHost: Uint8Array): number {
  const plain = sent & ~(sysFlag.BORNHOST_V6 | sysFlag.STOREHOST_V6)
  return bornHost.length > 8 ? plain | sysFlag.BORNHOST_V6 : plain
}
