import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** GET_CONSUMER_LIST_BY_GROUP: the client ids of a group's members, which share out the queues among themselves. */
export const getConsumerListByGroup: Handler<'getConsumerListByGroup'> = ({ consumerGroup }, { clients }) => {
  const consumerIdList = clients.clientIds(consumerGroup)
  if (consumerIdList.length === 0)
    throw new ResponseError('SYSTEM_ERROR', `no consumer for this group, ${consumerGroup}`)
  return { body: { consumerIdList } }
}
