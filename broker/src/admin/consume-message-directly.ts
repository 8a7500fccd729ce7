import { clientRequests, parseOffsetMsgId, ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { answerOf, consumerOnline } from './consumer-online.ts'

/** CONSUME_MESSAGE_DIRECTLY: has one consumer consume one stored message again, for an operator who looks at it. */
export const consumeMessageDirectly: Handler<'consumeMessageDirectly'> = async (header, { clients, store, config }) => {
  const clientId = header.clientId ?? clients.clientIds(header.consumerGroup)[0] ?? ''
  const consumer = consumerOnline(clients, header.consumerGroup, clientId)
  const { physicalOffset } = parseOffsetMsgId(header.msgId ?? '')
  const record = await store.readRecord(physicalOffset)
  if (!record) throw new ResponseError('SYSTEM_ERROR', `can not find message by msgId: ${header.msgId}`)
  const answer = await answerOf(
    consumer.channel.invoke(
      clientRequests.consumeMessageDirectly,
      { ...header, brokerName: header.brokerName ?? config.brokerName },
      { body: record, timeoutMs: 10_000 },
    ),
    header.consumerGroup,
    clientId,
  )
  return { status: answer.status, remark: answer.remark, body: answer.body }
}
