import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** GET_CONSUMER_CONNECTION_LIST: a group's members and what they subscribe to. */
export const getConsumerConnectionList: Handler<'getConsumerConnectionList'> = ({ consumerGroup }, { clients }) => {
  const group = clients.consumerGroup(consumerGroup)
  if (!group) throw new ResponseError('CONSUMER_NOT_ONLINE', `the consumer group[${consumerGroup}] not online`)
  const { consumeType, messageModel, consumeFromWhere } = group
  return {
    body: {
      consumeType,
      messageModel,
      consumeFromWhere,
      connectionSet: [...group.members.values()].map(connectionOf),
      subscriptionTable: group.subscriptions,
    },
  }
}

export const connectionOf = (info: {
  clientId: string
  language: string
  version: number
  channel: { remoteAddress: string }
}) => ({
  clientId: info.clientId,
  clientAddr: info.channel.remoteAddress,
  language: info.language,
  version: info.version,
})
