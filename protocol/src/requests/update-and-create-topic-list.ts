import { createTopicListRequestBody } from '../bodies/index.ts'
import { request } from '../request.ts'

/** UPDATE_AND_CREATE_TOPIC_LIST: makes or changes several topics. */
export const updateAndCreateTopicList = request({
  code: 18,
  body: createTopicListRequestBody,
})
