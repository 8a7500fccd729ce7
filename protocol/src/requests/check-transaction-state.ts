import { f } from '../fields.ts'
import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/**
 * CHECK_TRANSACTION_STATE: the broker asks a producer for the fate of the half message in the body; END_TRANSACTION
 * answers.
 */
export const checkTransactionState = request({
  code: 39,
  header: {
    topic: f.string().optional(),
    tranStateTableOffset: f.long(),
    commitLogOffset: f.long(),
    msgId: f.string().optional(),
    transactionId: f.string().optional(),
    offsetMsgId: f.string().optional(),
    brokerName: f.string().optional().as('bname'),
  },
  body: bytesBody,
  oneWay: true,
})
