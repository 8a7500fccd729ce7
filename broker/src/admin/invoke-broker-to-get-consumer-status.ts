import { clientRequests, type MessageQueue, ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { checkKnowsOffsets } from './consumer-online.ts'

const ANSWER_TIMEOUT_MS = 5000

/**
 * INVOKE_BROKER_TO_GET_CONSUMER_STATUS: where a group's members, or the one that clientAddr names by its client id, say
 * they stand. Who does not answer is missing; one that is too old for the question fails it
 * (Broker2Client.java#getConsumeStatus).
 */
export const invokeBrokerToGetConsumerStatus: Handler<'invokeBrokerToGetConsumerStatus'> = async (header, context) => {
  const { clients, world } = context
  const { topic, group, clientAddr } = header
  const members = [...(clients.consumerGroup(group)?.members.values() ?? [])]
  if (members.length === 0)
    throw new ResponseError('SYSTEM_ERROR', `No Any Consumer online in the consumer group: [${group}]`)
  const asked = members.filter(({ clientId }) => !clientAddr || clientId === clientAddr)
  for (const member of members) checkKnowsOffsets(member)
  const consumerTable = new Map<string, Map<MessageQueue, number>>()
  await Promise.all(
    asked.map(async ({ clientId, channel }) => {
      try {
        const answer = await channel.invoke(
          clientRequests.getConsumerStatusFromClient,
          { topic, group },
          { timeoutMs: ANSWER_TIMEOUT_MS },
        )
        if (answer.body) consumerTable.set(clientId, answer.body.messageQueueTable)
      } catch (error) {
        world.log.warn({ error, group, clientId }, 'a consumer does not say where it stands')
      }
    }),
  )
  return { body: { consumerTable, messageQueueTable: new Map() } }
}
