import { type ConsumerData, groupProblem, ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/**
 * HEART_BEAT: a client says which groups it produces and consumes for (ClientManageProcessor.java). A consumer group
 * that comes for the first time is made, with the retry topic that its clients will look for.
 */
export const heartBeat: Handler<'heartBeat'> = async (_header, context) => {
  const { body, clients, filters, groups, topics, connection, language, version, world, config } = context
  if (!body) throw new ResponseError('SYSTEM_ERROR', 'a heartbeat without a body')
  const consumers: ConsumerData[] = []
  for (const consumer of body.consumerDataSet ?? []) {
    // They may pull all the same: they are only not known as members.
    if (config.rejectPullConsumerEnable && consumer.consumeType === 'CONSUME_ACTIVELY') continue
    const { groupName } = consumer
    const problem = groupProblem(groupName)
    if (problem) throw new ResponseError('INVALID_PARAMETER', problem)
    const group = await groups.find(groupName)
    // Where groups are not made by themselves, one that nobody has made has no members either.
    if (!group) continue
    consumers.push(consumer)
    // Without it a consumer reads all the same: a full disk must not keep it from what is stored.
    await topics
      .createInternal(`%RETRY%${groupName}`, Math.max(1, group.retryQueueNums))
      .catch(error => world.log.warn({ error, groupName }, 'the retry topic of a group cannot be stored yet'))
  }
  // It may have gone while its groups were stored: nobody would take it out again before its silence is noticed.
  if (connection.closed) return {}
  const sender = { channel: connection, language, version }
  const changed = clients.heartbeat({ ...body, consumerDataSet: consumers }, sender)
  if (body.withoutSub !== true)
    for (const { groupName, subscriptionDataSet } of consumers) filters.register(groupName, subscriptionDataSet ?? [])
  // Only clients that send fingerprints ask whether they have to tell their subscriptions again.
  const tellAgain = changed || body.heartbeatFingerprint === 0
  return { ext: { IS_SUPPORT_HEART_BEAT_V2: 'true', IS_SUB_CHANGE: String(tellAgain) } }
}
