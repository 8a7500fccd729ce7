import { dataVersion } from './data-version.ts'
import { s, type TypeOf, table } from './shape.ts'
import { topicConfig } from './topic-config.ts'

/** TopicConfigSerializeWrapper.java, and config/topics.json. */
export const topicConfigSerializeWrapper = s.bean({
  dataVersion: dataVersion.default(() => ({ counter: 0, stateVersion: 0, timestamp: 0 })),
  topicConfigTable: table(topicConfig),
})
export type TopicConfigSerializeWrapper = TypeOf<typeof topicConfigSerializeWrapper>
