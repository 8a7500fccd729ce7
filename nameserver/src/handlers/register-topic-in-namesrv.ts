import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { topicConfigProblem } from '../topic-config-problem.ts'

/** REGISTER_TOPIC_IN_NAMESRV: adds queues of one topic to groups that are registered; all of them or, on any error, none. */
export const registerTopicInNamesrv: Handler<'registerTopicInNamesrv'> = (
  { topic },
  { routes, body, log, connection },
) => {
  const queueDatas = (body?.queueDatas ?? []).map(queueData => ({
    ...queueData,
    topicSysFlag: queueData.topicSysFlag ?? 0,
  }))
  if (queueDatas.length === 0) return {}
  for (const queueData of queueDatas) {
    const problem = topicConfigProblem({ ...queueData, topicName: topic })
    if (problem) throw new ResponseError('INVALID_PARAMETER', problem)
  }
  const unknown = routes.registerTopic(topic, queueDatas)
  if (unknown !== undefined)
    throw new ResponseError('BROKER_NOT_EXIST', `the broker ${unknown} is not registered; nothing was changed`)
  log.info({ topic, by: connection.remoteAddress }, 'topic registered')
  return {}
}
