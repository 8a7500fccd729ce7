import { textBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/**
 * UPDATE_COLD_DATA_FLOW_CTR_CONFIG: limits how fast groups may read cold data; properties text `group=bytes per
 * second`.
 */
export const updateColdDataFlowCtrConfig = request({
  code: 2001,
  body: textBody,
})
