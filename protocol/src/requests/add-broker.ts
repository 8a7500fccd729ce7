import { f } from '../fields.ts'
import { textBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** ADD_BROKER: has a broker container start a broker, from a file or from the properties text in the body. */
export const addBroker = request({
  code: 902,
  header: { configPath: f.string().optional() },
  body: textBody,
})
