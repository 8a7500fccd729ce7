import { ConfigError, ForbiddenKeyError } from '@rocketcluster/config'
import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** UPDATE_CONTROLLER_CONFIG: changes keys and saves them; all of them or, on any error, none. */
export const updateControllerConfig: Handler<'updateControllerConfig'> = async (
  _header,
  { body, configuration, log, connection },
) => {
  if (!body) return {}
  try {
    const needRestart = await configuration.update(body)
    log.info({ properties: body, by: connection.remoteAddress }, 'configuration changed')
    return needRestart.length > 0 ? { remark: `${needRestart.join(', ')} will take effect after a restart` } : {}
  } catch (error) {
    if (error instanceof ForbiddenKeyError)
      throw new ResponseError('NO_PERMISSION', `Can not update config in black list. ${error.message}`)
    if (error instanceof ConfigError) throw new ResponseError('INVALID_PARAMETER', error.message)
    throw error
  }
}
