import { f } from '../fields.ts'
import { textBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** GET_BROKER_CONFIG: all settings as Java properties text; `version` is a DataVersion in JSON. */
export const getBrokerConfig = request({
  code: 26,
  reply: { version: f.string() },
  replyBody: textBody,
})
