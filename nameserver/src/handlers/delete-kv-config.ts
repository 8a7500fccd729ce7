import type { Handler } from '../handler.ts'

/** DELETE_KV_CONFIG: forgets one value; fine when there is none. */
export const deleteKvConfig: Handler<'deleteKvConfig'> = async ({ namespace, key }, { kvConfig }) => {
  await kvConfig.delete(namespace, key)
  return {}
}
