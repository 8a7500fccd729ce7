import type { Handler } from '../handler.ts'

/** BROKER_HEARTBEAT: a broker is still there. One that is not registered has to register; the answer tells it in words only. */
export const brokerHeartbeat: Handler<'brokerHeartbeat'> = (
  { clusterName, brokerAddr, epoch },
  { routes, clock, connection },
) => {
  const counts = routes.heartbeat(
    { clusterName, brokerAddr, channel: connection, stateVersion: epoch },
    clock.monotonicMs(),
  )
  return counts
    ? {}
    : { remark: `ignored: ${brokerAddr} is not registered in ${clusterName}, or with a newer stateVersion` }
}
