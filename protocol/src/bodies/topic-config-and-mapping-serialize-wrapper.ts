import { dataVersion } from './data-version.ts'
import { s, type TypeOf, table } from './shape.ts'
import { topicConfig } from './topic-config.ts'
import { topicQueueMappingDetail, topicQueueMappingInfo } from './topic-queue-mapping.ts'

const none = () => ({ counter: 0, stateVersion: 0, timestamp: 0 })

/** TopicConfigAndMappingSerializeWrapper.java: what a broker registers, and what a slave copies. */
export const topicConfigAndMappingSerializeWrapper = s.bean({
  dataVersion: dataVersion.default(none),
  mappingDataVersion: dataVersion.default(none),
  topicConfigTable: table(topicConfig),
  topicQueueMappingDetailMap: table(topicQueueMappingDetail),
  topicQueueMappingInfoMap: table(topicQueueMappingInfo),
})
export type TopicConfigAndMappingSerializeWrapper = TypeOf<typeof topicConfigAndMappingSerializeWrapper>
