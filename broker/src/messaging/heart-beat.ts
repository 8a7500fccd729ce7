import { groupProblem, ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/**
 * HEART_BEAT: a client says which groups it produces and consumes for (ClientManageProcessor.java). A consumer group
 * that comes for the first time is made, with the retry topic that its clients will look for.
 */
export const heartBeat: Handler<'heartBeat'> = async (_header, context) => {
  const { body, clients, groups, topics, connection, language, version, world } = context
  if (!body) throw new ResponseError('SYSTEM_ERROR', 'a heartbeat without a body')
  for (const { groupName } of body.consumerDataSet ?? []) {
    const problem = groupProblem(groupName)
    if (problem) throw new ResponseError('INVALID_PARAMETER', problem)
    const group = await groups.find(groupName)
    if (!group) continue
    // Without it a consumer reads all the same: a full disk must not keep it from what is stored.
    await topics
      .createInternal(`%RETRY%${groupName}`, Math.max(1, group.retryQueueNums))
      .catch(error => world.log.warn({ error, groupName }, 'the retry topic of a group cannot be stored yet'))
  }
  // It may have gone while its groups were stored: nobody would take it out again before its silence is noticed.
  if (connection.closed) return {}
  const changed = clients.heartbeat(body, { channel: connection, language, version })
  return { ext: { IS_SUPPORT_HEART_BEAT_V2: 'true', IS_SUB_CHANGE: String(changed) } }
}
