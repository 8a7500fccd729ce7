import { clientRequests, type MessageQueue, ResponseError, request, resetOffsetBodyForC } from '@rocketcluster/protocol'
import type { BrokerContext } from '../handler.ts'
import { checkKnowsOffsets } from './consumer-online.ts'

/** The same for clients that read no object as a key. */
const resetForC = request({ ...clientRequests.resetConsumerClientOffset, body: resetOffsetBodyForC })

/**
 * RESET_CONSUMER_CLIENT_OFFSET to every member of the group. Throws CONSUMER_NOT_ONLINE when there is none, and SYSTEM_ERROR
 * before anybody is told when one of them is too old to understand (Broker2Client.java#resetOffset).
 */
export function tellConsumers(
  { topic, group, timestamp }: { readonly topic: string; readonly group: string; readonly timestamp: number },
  offsetTable: Map<MessageQueue, number>,
  { clients, language, world }: BrokerContext<'invokeBrokerToResetOffset'>,
): void {
  const members = [...(clients.consumerGroup(group)?.members.values() ?? [])]
  if (members.length === 0)
    throw new ResponseError(
      'CONSUMER_NOT_ONLINE',
      `Consumer not online, so can not reset offset, Group: ${group} Topic: ${topic} Timestamp: ${timestamp}`,
    )
  for (const member of members) checkKnowsOffsets(member)
  const header = { topic, group, timestamp }
  const listed = [...offsetTable].map(([queue, offset]) => ({ ...queue, offset }))
  for (const { clientId, channel } of members) {
    try {
      // As Apache: who asks decides which form the consumers get.
      if (language === 'CPP') channel.notify(resetForC, header, { body: { offsetTable: listed } })
      else channel.notify(clientRequests.resetConsumerClientOffset, header, { body: { offsetTable } })
    } catch (error) {
      // It is gone or does not read; where it would have stood it goes on.
      world.log.warn({ error, group, clientId }, 'a consumer could not be told its new offsets')
    }
  }
}
