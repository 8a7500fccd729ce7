import type { AnswerOf, brokerRequests, ResponseCodeName } from '@rocketcluster/protocol'
import { bornHostOf } from '../clients/born-host.ts'
import type { BrokerContext, Handler } from '../handler.ts'
import type { PutStatus } from '../store/types.ts'
import type { SendHeader } from './sends.ts'

type SendAnswer = AnswerOf<typeof brokerRequests.sendMessageV2>

const STATUS: Record<PutStatus, ResponseCodeName> = {
  PUT_OK: 'SUCCESS',
  FLUSH_DISK_TIMEOUT: 'FLUSH_DISK_TIMEOUT',
  FLUSH_SLAVE_TIMEOUT: 'FLUSH_SLAVE_TIMEOUT',
}

/** SEND_MESSAGE: one message. SEND_MESSAGE_V2 says the same with shorter names, SEND_BATCH_MESSAGE many at once. */
export const sendMessage: Handler<'sendMessage'> = (header, context) => send(header, context)
export const sendMessageV2: Handler<'sendMessageV2'> = (header, context) => send(header, context)
export const sendBatchMessage: Handler<'sendBatchMessage'> = (header, context) => send(header, context)

/** Answers once the message is as durable as the broker's configuration promises (SendMessageProcessor.java). */
async function send(
  header: SendHeader & { flag: number; properties?: string },
  context: BrokerContext<'sendMessageV2'>,
): Promise<SendAnswer> {
  const { connection, config, sends, body, version } = context
  const accepted = await sends.accept(
    { ...header, version },
    {
      flag: header.flag,
      body: body ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : Buffer.alloc(0),
      properties: Buffer.from(header.properties ?? ''),
      bornHost: bornHostOf(connection),
    },
  )
  const status = await accepted.committed
  return {
    status: STATUS[status],
    msgId: accepted.appended.map(({ physicalOffset }) => sends.msgId(physicalOffset)).join(','),
    queueId: accepted.queueId,
    queueOffset: accepted.appended[0]!.queueOffset,
    transactionId: accepted.uniqKey,
    recallHandle: accepted.recallHandle,
    ext: { MSG_REGION: config.regionId, TRACE_ON: String(config.traceOn) },
  }
}
