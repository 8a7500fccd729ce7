import type { Handler } from '../handler.ts'

/** UNREGISTER_CLIENT: a client leaves a group, before it closes its connection. */
export const unregisterClient: Handler<'unregisterClient'> = (header, { clients, connection }) => {
  clients.unregister(header.clientID, connection, header.producerGroup, header.consumerGroup)
  return {}
}
