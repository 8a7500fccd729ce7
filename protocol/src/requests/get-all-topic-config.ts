import { topicConfigAndMappingSerializeWrapper } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'
import { unlessVersion } from './common/unless-version.ts'

/** GET_ALL_TOPIC_CONFIG: all topics, or with `topicSeq` one page of them in name order. `dataVersion` is JSON. */
export const getAllTopicConfig = request({
  code: 21,
  header: {
    topicSeq: f.int().optional(),
    dataVersion: f.string().optional(),
    maxTopicNum: f.int().optional(),
    ...unlessVersion.header,
  },
  reply: { totalTopicNum: f.int().optional(), ...unlessVersion.reply },
  replyBody: topicConfigAndMappingSerializeWrapper,
})
