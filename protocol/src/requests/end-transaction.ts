import { f } from '../fields.ts'
import { request } from '../request.ts'

/** END_TRANSACTION: the fate of a half message: 8 commit, 12 rollback, 0 unknown. Clients send it one-way. */
export const endTransaction = request({
  code: 37,
  header: {
    topic: f.string().optional(),
    producerGroup: f.string(),
    tranStateTableOffset: f.long(),
    commitLogOffset: f.long(),
    commitOrRollback: f.int(),
    fromTransactionCheck: f.bool().default(false),
    msgId: f.string(),
    transactionId: f.string().optional(),
  },
})
