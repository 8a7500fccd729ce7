import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { connectionOf } from './get-consumer-connection-list.ts'

/** GET_PRODUCER_CONNECTION_LIST: the producers of a group that are connected. */
export const getProducerConnectionList: Handler<'getProducerConnectionList'> = ({ producerGroup }, { clients }) => {
  const producers = clients.producers(producerGroup)
  if (producers.length === 0) throw new ResponseError('SYSTEM_ERROR', `the producer group[${producerGroup}] not exist`)
  return { body: { connectionSet: producers.map(connectionOf) } }
}
