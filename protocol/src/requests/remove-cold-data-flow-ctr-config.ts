import { textBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/** REMOVE_COLD_DATA_FLOW_CTR_CONFIG: lifts the limit of the group named in the body. */
export const removeColdDataFlowCtrConfig = request({
  code: 2002,
  body: textBody,
})
