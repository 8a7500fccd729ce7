import type { Handler } from '../handler.ts'

/** GET_NAMESRV_CONFIG: every key with the value in force, as properties text. */
export const getNamesrvConfig: Handler<'getNamesrvConfig'> = (_header, { configuration }) => ({
  body: configuration.print(),
})
