import { type MessageQueue, type QueryAssignmentRequestBody, RETRY_PREFIX } from '@rocketcluster/protocol'
import type { Handler } from '../../handler.ts'
import type { BrokerServices } from '../../services.ts'
import { allocateForPop, inOrder, strategies } from './allocate.ts'

const NO_ANSWER = Buffer.from('{}')

/**
 * QUERY_ASSIGNMENT: which queues a consumer reads, and whether it pulls or pops them, for clients that let the broker balance
 * (clientRebalance=false). Without an answer to give, the list is missing: the client keeps what it has
 * (QueryAssignmentProcessor.java).
 */
export const queryAssignment: Handler<'queryAssignment'> = async (_header, context) => {
  const { requestModes, config } = context
  const { topic, consumerGroup } = context.body
  const set = requestModes.get(topic, consumerGroup)
  // A group's own retry topic is always pulled.
  const mode = set?.mode ?? (topic.startsWith(RETRY_PREFIX) ? 'PULL' : config.defaultMessageRequestMode)
  const shareQueueNum = set?.popShareQueueNum ?? config.defaultPopShareQueueNum
  const queues = await assigned(context.body, mode, shareQueueNum, context)
  if (queues === undefined) return { body: [NO_ANSWER] }
  return { body: { messageQueueAssignments: queues.map(messageQueue => ({ messageQueue, mode })) } }
}

async function assigned(
  { topic, consumerGroup, clientId, messageModel, strategyName }: QueryAssignmentRequestBody,
  mode: 'PULL' | 'POP',
  shareQueueNum: number,
  { routes, clients, config, world }: BrokerServices,
): Promise<readonly MessageQueue[] | undefined> {
  const queues = await routes.queuesOf(topic)
  if (queues === undefined) return undefined
  if (messageModel === 'BROADCASTING' || !config.serverLoadBalancerEnable) return queues
  const group = clients.consumerGroup(consumerGroup)
  if (group === undefined) return undefined
  const allocate = strategies.get(strategyName ?? '')
  if (allocate === undefined) {
    world.log.warn(
      { strategyName, consumerGroup, topic },
      'an unknown strategy to share out queues; allowed are AVG, AVG_BY_CIRCLE',
    )
    return undefined
  }
  const clientIds = [...new Set([...group.members.values()].map(member => member.clientId))].sort()
  const all = inOrder(queues)
  return mode === 'POP'
    ? allocateForPop(allocate, clientId, all, clientIds, shareQueueNum)
    : allocate(clientId, all, clientIds)
}
