import { consumeStatsList } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_BROKER_CONSUME_STATS: how far all groups of a broker are behind. */
export const getBrokerConsumeStats = request({
  code: 317,
  header: { isOrder: f.bool().default(false) },
  replyBody: consumeStatsList,
})
