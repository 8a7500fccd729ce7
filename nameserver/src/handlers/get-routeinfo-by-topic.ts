import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { wantedZone } from '../zone.ts'

/** From here on clients read standard JSON (ClientRequestProcessor.java). */
const V4_9_4 = 401

/** GET_ROUTEINFO_BY_TOPIC: where the brokers of a topic are. */
export const getRouteinfoByTopic: Handler<'getRouteinfoByTopic'> = ({ topic, acceptStandardJsonOnly }, context) => {
  const { routeAnswers, configuration, clock, startedMs, version, ext } = context
  const { needWaitForService, waitSecondsForService } = configuration.current
  if (needWaitForService && clock.monotonicMs() - startedMs < waitSecondsForService * 1000)
    throw new ResponseError('SYSTEM_ERROR', 'name server not ready')
  const dialect = acceptStandardJsonOnly || version >= V4_9_4 ? 'standard' : 'fastjson'
  const body = routeAnswers.encode(topic, dialect, wantedZone(ext))
  if (!body) {
    const shown = topic.length > 255 ? `${topic.slice(0, 255)}…` : topic
    throw new ResponseError('TOPIC_NOT_EXIST', `No topic route info in name server for the topic: ${shown}`)
  }
  return { body: [body] }
}
