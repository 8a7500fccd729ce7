import type { Handler } from '../handler.ts'

/** UNREGISTER_BROKER: a broker leaves. Fine when it is not there. */
export const unregisterBroker: Handler<'unregisterBroker'> = (
  { clusterName, brokerName, brokerAddr, brokerId },
  { routes, metrics, log, connection, tellMinBrokerIdChange },
) => {
  const removal = routes.unregister({ clusterName, brokerAddr, channel: connection })
  if (!removal) {
    log.info(
      { clusterName, brokerName, brokerId, brokerAddr },
      'unregister ignored: not registered, or a newer master is',
    )
    return { remark: `ignored: ${brokerAddr} is not registered in ${clusterName}, or with a newer stateVersion` }
  }
  metrics.removal('unregistered', 1)
  log.info({ ...removal, minBrokerIdChange: undefined }, 'broker unregistered')
  tellMinBrokerIdChange(removal.minBrokerIdChange)
  return {}
}
