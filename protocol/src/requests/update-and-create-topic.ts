import { request } from '../request.ts'
import { topicHeader } from './common/topic-fields.ts'

/**
 * UPDATE_AND_CREATE_TOPIC: makes or changes a topic. `attributes` is `+key=value,-key`; `perm` 4 read, 2 write, 1
 * inherit.
 */
export const updateAndCreateTopic = request({
  code: 17,
  header: topicHeader,
})
