import { textBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** GET_NAMESRV_CONFIG: all settings as Java properties text. */
export const getNamesrvConfig = request({
  code: 319,
  replyBody: textBody,
})
