import { textBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** UPDATE_BROKER_CONFIG: changes settings of a running broker; the body is Java properties text. */
export const updateBrokerConfig = request({
  code: 25,
  body: textBody,
})
