import { f } from '../fields.ts'
import { request } from '../request.ts'

/** DELETE_TOPIC_IN_NAMESRV: removes a topic from a name server. */
export const deleteTopicInNamesrv = request({
  code: 216,
  header: { topic: f.string(), clusterName: f.string().optional() },
})
