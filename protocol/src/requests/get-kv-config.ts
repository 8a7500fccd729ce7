import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_KV_CONFIG: a value kept in the name server. */
export const getKvConfig = request({
  code: 101,
  header: { namespace: f.string(), key: f.string() },
  reply: { value: f.string().optional() },
  answers: ['QUERY_NOT_FOUND'],
})
