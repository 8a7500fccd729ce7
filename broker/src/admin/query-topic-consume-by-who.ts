import type { Handler } from '../handler.ts'

/** QUERY_TOPIC_CONSUME_BY_WHO: the groups that subscribe to a topic now or have committed offsets in it. */
export const queryTopicConsumeByWho: Handler<'queryTopicConsumeByWho'> = ({ topic }, { clients, offsets }) => ({
  body: { groupList: [...new Set([...clients.groupsConsuming(topic), ...offsets.groupsOf(topic)])] },
})
