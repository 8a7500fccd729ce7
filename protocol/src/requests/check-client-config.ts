import { checkClientRequestBody } from '../bodies/index.ts'
import { request } from '../request.ts'

/** CHECK_CLIENT_CONFIG: would this broker accept the subscription? Sent for expressions other than tags. */
export const checkClientConfig = request({
  code: 46,
  body: checkClientRequestBody,
})
