import { f } from '../fields.ts'
import { request } from '../request.ts'

/** DELETE_KV_CONFIG: forgets a value kept in the name server. */
export const deleteKvConfig = request({
  code: 102,
  header: { namespace: f.string(), key: f.string() },
})
