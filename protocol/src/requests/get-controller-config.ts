import { textBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** GET_CONTROLLER_CONFIG: all settings as Java properties text. */
export const getControllerConfig = request({
  code: 1010,
  replyBody: textBody,
})
