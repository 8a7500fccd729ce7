import { ConfigError, ForbiddenKeyError } from '@rocketcluster/config'
import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** UPDATE_BROKER_CONFIG: changes keys that may change at run time and saves them; all of them or, on any error, none. */
export const updateBrokerConfig: Handler<'updateBrokerConfig'> = async (
  _header,
  { body, updateConfig, nameServers, topics },
) => {
  if (!body) throw new ResponseError('INVALID_PARAMETER', 'the request has no properties text as its body')
  const changed = await updateConfig(body).catch((error: unknown) => {
    if (error instanceof ForbiddenKeyError) throw new ResponseError('NO_PERMISSION', error.message)
    if (error instanceof ConfigError) throw new ResponseError('INVALID_PARAMETER', error.message)
    throw error
  })
  // Clients learn a new permission from the route.
  if (changed.includes('brokerPermission')) {
    topics.renew()
    await nameServers.registerAll()
  }
  return {}
}
