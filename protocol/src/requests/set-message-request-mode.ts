import { setMessageRequestModeRequestBody } from '../bodies/index.ts'
import { request } from '../request.ts'

/** SET_MESSAGE_REQUEST_MODE: lets a group pull or pop a topic. */
export const setMessageRequestMode = request({
  code: 401,
  body: setMessageRequestModeRequestBody,
})
