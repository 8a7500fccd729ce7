import { f } from '../fields.ts'
import { request } from '../request.ts'
import { topicConfigAndQueueMapping } from './common/topic-config-and-queue-mapping.ts'

/** GET_TOPIC_CONFIG: one topic; with `lo` also how its static queues map. */
export const getTopicConfig = request({
  code: 351,
  header: { topic: f.string(), lo: f.bool().optional() },
  replyBody: topicConfigAndQueueMapping,
})
