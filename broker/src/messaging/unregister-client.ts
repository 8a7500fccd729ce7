import type { Handler } from '../handler.ts'

/**
 * UNREGISTER_CLIENT: a client leaves a group, before it closes its connection. It consumes no more then, so that its order
 * locks need not outlive it.
 */
export const unregisterClient: Handler<'unregisterClient'> = (header, { clients, orderLocks, connection }) => {
  clients.unregister(header.clientID, connection, header.producerGroup, header.consumerGroup)
  if (header.consumerGroup) orderLocks.leave(header.consumerGroup, header.clientID)
  return {}
}
