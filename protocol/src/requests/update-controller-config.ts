import { textBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** UPDATE_CONTROLLER_CONFIG: changes settings of a running controller; the body is Java properties text. */
export const updateControllerConfig = request({
  code: 1009,
  body: textBody,
})
