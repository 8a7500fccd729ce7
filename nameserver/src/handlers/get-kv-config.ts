import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** GET_KV_CONFIG: one value. */
export const getKvConfig: Handler<'getKvConfig'> = ({ namespace, key }, { kvConfig }) => {
  const value = kvConfig.get(namespace, key)
  if (value === undefined)
    throw new ResponseError('QUERY_NOT_FOUND', `No config item, Namespace: ${namespace} Key: ${key}`)
  return { value }
}
