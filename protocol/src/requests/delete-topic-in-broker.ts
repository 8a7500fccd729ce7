import { f } from '../fields.ts'
import { request } from '../request.ts'

/** DELETE_TOPIC_IN_BROKER: removes a topic from a broker. */
export const deleteTopicInBroker = request({
  code: 215,
  header: { topic: f.string() },
})
