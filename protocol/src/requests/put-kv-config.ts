import { f } from '../fields.ts'
import { request } from '../request.ts'

/** PUT_KV_CONFIG: keeps a value in the name server. */
export const putKvConfig = request({
  code: 100,
  header: { namespace: f.string(), key: f.string(), value: f.string() },
})
