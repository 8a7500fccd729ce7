import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** GET_KVLIST_BY_NAMESPACE: all values of one namespace. */
export const getKvlistByNamespace: Handler<'getKvlistByNamespace'> = ({ namespace }, { kvConfig }) => {
  const entries = kvConfig.namespace(namespace)
  if (!entries) throw new ResponseError('QUERY_NOT_FOUND', `No config item, Namespace: ${namespace}`)
  return { body: { table: new Map(entries) } }
}
