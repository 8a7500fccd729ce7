import { ResponseError, sysFlag } from '@rocketcluster/protocol'
import type { Handler } from '../../handler.ts'
import type { Outcome } from './transactions.ts'

const OUTCOMES: ReadonlyMap<number, Outcome> = new Map([
  [sysFlag.TRANSACTION_COMMIT_TYPE, 'commit'],
  [sysFlag.TRANSACTION_ROLLBACK_TYPE, 'rollback'],
])

/**
 * END_TRANSACTION: the producer commits or rolls back, of itself or because it was asked. A producer that does not know yet
 * (0) is asked later; Apache leaves such a request without an answer, which matters to nobody, as clients send it one-way.
 */
export const endTransaction: Handler<'endTransaction'> = async (header, { config, transactions, world, oneWay }) => {
  const { commitOrRollback, producerGroup, tranStateTableOffset, commitLogOffset, fromTransactionCheck } = header
  if (config.brokerRole === 'SLAVE')
    throw new ResponseError('SLAVE_NOT_AVAILABLE', 'a slave cannot end transactions; ask the master')
  if (commitOrRollback === sysFlag.TRANSACTION_NOT_TYPE)
    return { remark: 'still undecided; the producer will be asked' }
  const outcome = OUTCOMES.get(commitOrRollback)
  if (!outcome)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `commitOrRollback ${commitOrRollback} is not 8 (commit), 12 (rollback) or 0 (unknown)`,
    )
  const ids = [header.transactionId, header.msgId].filter(id => id !== undefined && id !== '') as string[]
  try {
    await transactions.end({ producerGroup, tranStateTableOffset, commitLogOffset, fromTransactionCheck, outcome, ids })
  } catch (error) {
    // Nobody else will ever know.
    if (oneWay) world.log.warn({ error, producerGroup, commitLogOffset, outcome }, 'a transaction could not be ended')
    throw error
  }
  return {}
}
