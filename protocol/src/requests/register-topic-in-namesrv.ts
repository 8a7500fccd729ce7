import { topicRouteData } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** REGISTER_TOPIC_IN_NAMESRV: tells a name server of one new topic; it reads the queueDatas. */
export const registerTopicInNamesrv = request({
  code: 217,
  header: { topic: f.string() },
  body: topicRouteData,
})
