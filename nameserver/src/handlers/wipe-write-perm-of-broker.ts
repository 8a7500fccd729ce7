import type { Handler } from '../handler.ts'

/** WIPE_WRITE_PERM_OF_BROKER: producers stop choosing a group, until it registers changed topics or gets the permission back. */
export const wipeWritePermOfBroker: Handler<'wipeWritePermOfBroker'> = (
  { brokerName },
  { routes, log, connection },
) => {
  const wipeTopicCount = routes.wipeWritePerm(brokerName)
  log.info({ brokerName, wipeTopicCount, by: connection.remoteAddress }, 'write permission wiped')
  return { wipeTopicCount }
}
