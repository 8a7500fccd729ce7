import { textBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** UPDATE_NAMESRV_CONFIG: changes settings of a running name server; the body is Java properties text. */
export const updateNamesrvConfig = request({
  code: 318,
  body: textBody,
})
