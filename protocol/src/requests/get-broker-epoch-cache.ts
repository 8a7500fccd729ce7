import { epochEntryCache } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_BROKER_EPOCH_CACHE: where each epoch begins in a broker's log. */
export const getBrokerEpochCache = request({
  code: 1007,
  replyBody: epochEntryCache,
})
