import { items, s, type TypeOf } from './shape.ts'

/** TopicList.java */
export const topicList = s.bean({ brokerAddr: s.string().optional(), topicList: items(s.string()) })
export type TopicList = TypeOf<typeof topicList>
