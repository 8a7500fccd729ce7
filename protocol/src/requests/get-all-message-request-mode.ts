import { messageRequestModeSerializeWrapper } from '../bodies/index.ts'
import { request } from '../request.ts'

/** GET_ALL_MESSAGE_REQUEST_MODE: which groups pull and which pop, for a slave. */
export const getAllMessageRequestMode = request({
  code: 402,
  replyBody: messageRequestModeSerializeWrapper,
})
