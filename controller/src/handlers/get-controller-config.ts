import type { Handler } from '../handler.ts'

/** GET_CONTROLLER_CONFIG: every key with the value in force, as properties text. */
export const getControllerConfig: Handler<'getControllerConfig'> = (_header, { configuration }) => ({
  body: configuration.print(),
})
