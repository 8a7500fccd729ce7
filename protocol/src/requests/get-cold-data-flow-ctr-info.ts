import { textBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** GET_COLD_DATA_FLOW_CTR_INFO: limits and use of cold reads, as JSON text. */
export const getColdDataFlowCtrInfo = request({
  code: 2003,
  replyBody: textBody,
})
