import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** QUERY_DATA_VERSION: whether a broker has to register its topics again. Counts as a heartbeat. */
export const queryDataVersion: Handler<'queryDataVersion'> = (
  { clusterName, brokerAddr },
  { routes, clock, connection, body },
) => {
  if (!body) throw new ResponseError('INVALID_PARAMETER', 'the body is empty; allowed is a DataVersion')
  const changed = routes.isChanged(clusterName, brokerAddr, body)
  routes.heartbeat(
    { clusterName, brokerAddr, channel: connection, stateVersion: body.stateVersion },
    clock.monotonicMs(),
  )
  return { changed, body: routes.dataVersionOf(clusterName, brokerAddr) }
}
