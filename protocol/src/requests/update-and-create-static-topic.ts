import { topicQueueMappingDetail } from '../bodies/index.ts'
import { request } from '../request.ts'
import { topicHeader } from './common/topic-fields.ts'

/** UPDATE_AND_CREATE_STATIC_TOPIC: makes or changes a static topic: its queues and how they map to brokers. */
export const updateAndCreateStaticTopic = request({
  code: 513,
  header: topicHeader,
  body: topicQueueMappingDetail,
})
