import { topicRouteData } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_ROUTEINFO_BY_TOPIC: who serves a topic. TOPIC_NOT_EXIST when nobody does. */
export const getRouteinfoByTopic = request({
  code: 105,
  header: { topic: f.string(), acceptStandardJsonOnly: f.bool().default(false) },
  replyBody: topicRouteData,
})
