import type { MessageToStore } from '../store/types.ts'

const NOTHING = Buffer.alloc(0)

/** To be filled in again for every message: the store copies what it is given. */
export const reusableMessage = (): { -readonly [K in keyof MessageToStore]: MessageToStore[K] } => ({
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
})
