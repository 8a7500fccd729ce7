import { topicList } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_TOPICS_BY_CLUSTER: the topics of one cluster. */
export const getTopicsByCluster = request({
  code: 224,
  header: { cluster: f.string() },
  replyBody: topicList,
})
