import { s, type TypeOf } from './shape.ts'

/** ConsumeMessageDirectlyResult.java */
export const consumeMessageDirectlyResult = s.bean({
  autoCommit: s.bool().default(true),
  consumeResult: s
    .oneOf('CR_SUCCESS', 'CR_LATER', 'CR_ROLLBACK', 'CR_COMMIT', 'CR_THROW_EXCEPTION', 'CR_RETURN_NULL')
    .optional(),
  order: s.bool().default(false),
  remark: s.string().optional(),
  spentTimeMills: s.long().default(0),
})
export type ConsumeMessageDirectlyResult = TypeOf<typeof consumeMessageDirectlyResult>
