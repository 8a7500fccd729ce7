import {
  type AnswerOf,
  type brokerRequests,
  clientRequests,
  parseProperties,
  printProperties,
  property,
  ResponseError,
  sysFlag,
} from '@rocketcluster/protocol'
import { bornHostOf } from '../../clients/born-host.ts'
import type { BrokerContext, Handler } from '../../handler.ts'
import type { OutgoingMessage } from '../outgoing-message.ts'
import type { SendHeader } from '../sends.ts'

type ReplyAnswer = AnswerOf<typeof brokerRequests.sendReplyMessageV2>
type ReplyHeader = SendHeader & {
  readonly producerGroup: string
  readonly flag: number
  readonly properties?: string
  readonly unitMode: boolean
}

/** Broker2Client.java#callClient: so long the requester may take to confirm the reply. */
const PUSH_TIMEOUT_MS = 10_000

/** What a stored body needs to be readable: whether and how it is compressed (MessageSysFlag.java). */
const COMPRESSION = sysFlag.COMPRESSED | 0x700

/** SEND_REPLY_MESSAGE: a consumer answers a request. SEND_REPLY_MESSAGE_V2 says the same with shorter names. */
export const sendReplyMessage: Handler<'sendReplyMessage'> = (header, context) => reply(header, context)
export const sendReplyMessageV2: Handler<'sendReplyMessageV2'> = (header, context) => reply(header, context)

/**
 * Hands the reply to the client that the property REPLY_TO_CLIENT names, which finds its request by CORRELATION_ID, and
 * stores it where storeReplyMessageEnable says so. The answer tells whether the requester has it: SYSTEM_ERROR when it is
 * not connected to this broker, does not confirm, or is not named (ReplyMessageProcessor.java). A reply that could not be
 * stored is not an error: who waits for it has it.
 */
async function reply(header: ReplyHeader, context: BrokerContext<'sendReplyMessageV2'>): Promise<ReplyAnswer> {
  const { config, sends, connection } = context
  // Their memory is the connection's again after this turn.
  const body = Buffer.from(context.body ?? [])
  const properties = parseProperties(header.properties ?? '')
  const { queueId } = await sends.place(header)
  const failure = await push(header, properties, body, context)
  const answer: ReplyAnswer = {
    ...(failure === undefined ? {} : { status: 'SYSTEM_ERROR' as const, remark: failure }),
    // Not nothing: clients decode it.
    msgId: '0',
    queueId,
    queueOffset: 0,
    ext: { MSG_REGION: config.regionId, TRACE_ON: String(config.traceOn) },
  }
  if (!config.storeReplyMessageEnable) return answer
  const stored = await store(
    {
      topic: header.topic,
      queueId,
      flag: header.flag,
      sysFlag: header.sysFlag & COMPRESSION,
      bornTimestamp: header.bornTimestamp,
      bornHost: bornHostOf(connection),
      reconsumeTimes: header.reconsumeTimes ?? 0,
      preparedTransactionOffset: 0,
      body,
      properties,
    },
    context,
  )
  return stored ? { ...answer, ...stored } : answer
}

/** Returns why the requester does not have the reply; undefined when it has. */
async function push(
  header: ReplyHeader,
  properties: ReadonlyMap<string, string>,
  body: Buffer,
  { clients, connection, brokerAddress, world }: BrokerContext<'sendReplyMessageV2'>,
): Promise<string | undefined> {
  const clientId = properties.get(property.MESSAGE_REPLY_TO_CLIENT)
  if (clientId === undefined) return `reply message properties[${property.MESSAGE_REPLY_TO_CLIENT}] is null`
  const requester = clients.findProducer(clientId)
  if (!requester) return `push reply message fail, channel of <${clientId}> not found.`
  const now = world.clock.now()
  const pushed = new Map(properties).set(property.PUSH_REPLY_TIME, String(now))
  const { producerGroup, topic, defaultTopic, defaultTopicQueueNums, queueId } = header
  try {
    await requester.channel.invoke(
      clientRequests.pushReplyMessageToClient,
      {
        producerGroup,
        topic,
        defaultTopic,
        defaultTopicQueueNums,
        queueId,
        sysFlag: header.sysFlag,
        bornTimestamp: header.bornTimestamp,
        flag: header.flag,
        properties: printProperties(pushed),
        reconsumeTimes: header.reconsumeTimes,
        unitMode: header.unitMode,
        bornHost: connection.remoteAddress,
        storeHost: brokerAddress,
        storeTimestamp: now,
      },
      { body, timeoutMs: PUSH_TIMEOUT_MS },
    )
    return undefined
  } catch (error) {
    world.log.warn({ error, clientId }, 'a reply could not be handed to who waits for it')
    return `push reply message to ${clientId}fail. ${(error as Error).message}`
  }
}

async function store(message: OutgoingMessage, broker: BrokerContext<'sendReplyMessageV2'>) {
  const { puts, sends, stats, world } = broker
  try {
    const { physicalOffset, queueOffset, sizeBytes } = puts.appendRedirected(puts.redirected(message))
    await broker.store.committed(physicalOffset + sizeBytes, true)
    stats.put(message.topic, 1, sizeBytes)
    return { msgId: sends.msgId(physicalOffset), queueOffset }
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error
    world.log.warn({ error, topic: message.topic }, 'a reply could not be stored')
    return undefined
  }
}
