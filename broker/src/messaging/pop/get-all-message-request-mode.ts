import type { Handler } from '../../handler.ts'

/** GET_ALL_MESSAGE_REQUEST_MODE: which groups pull and which pop, for a slave. */
export const getAllMessageRequestMode: Handler<'getAllMessageRequestMode'> = (_header, { requestModes }) => ({
  body: { messageRequestModeMap: requestModes.snapshot() },
})
