import { items, s, type TypeOf } from './shape.ts'
import { topicConfig } from './topic-config.ts'

/** CreateTopicListRequestBody.java */
export const createTopicListRequestBody = s.bean({ topicConfigList: items(topicConfig) })
export type CreateTopicListRequestBody = TypeOf<typeof createTopicListRequestBody>
