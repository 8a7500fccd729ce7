import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** PUT_KV_CONFIG: sets one value; answered when it is on stable storage. */
export const putKvConfig: Handler<'putKvConfig'> = async ({ namespace, key, value }, { kvConfig }) => {
  // An empty name cannot be asked for again by any tool: it is a mistake of a script.
  if (namespace === '' || key === '') throw new ResponseError('SYSTEM_ERROR', 'namespace or key is empty')
  await kvConfig.put(namespace, key, value)
  return {}
}
