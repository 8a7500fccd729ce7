import { f } from '../../fields.ts'

/** A topic to be made or changed (CreateTopicRequestHeader.java). `attributes` is `+key=value,-key`. */
export const topicHeader = {
  topic: f.string(),
  defaultTopic: f.string(),
  readQueueNums: f.int(),
  writeQueueNums: f.int(),
  perm: f.int(),
  topicFilterType: f.string().default('SINGLE_TAG'),
  topicSysFlag: f.int().optional(),
  order: f.bool().default(false),
  attributes: f.string().optional(),
  force: f.bool().default(false),
}
