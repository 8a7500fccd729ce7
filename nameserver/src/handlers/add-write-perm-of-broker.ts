import type { Handler } from '../handler.ts'

/** ADD_WRITE_PERM_OF_BROKER: all topics of a group become readable and writable, whatever they were. */
export const addWritePermOfBroker: Handler<'addWritePermOfBroker'> = ({ brokerName }, { routes, log, connection }) => {
  const addTopicCount = routes.addWritePerm(brokerName)
  log.info({ brokerName, addTopicCount, by: connection.remoteAddress }, 'write permission added')
  return { addTopicCount }
}
