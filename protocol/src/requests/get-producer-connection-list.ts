import { producerConnection } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_PRODUCER_CONNECTION_LIST: who produces as this group. */
export const getProducerConnectionList = request({
  code: 204,
  header: { producerGroup: f.string() },
  replyBody: producerConnection,
})
