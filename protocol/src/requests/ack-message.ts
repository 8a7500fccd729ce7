import { f } from '../fields.ts'
import { request } from '../request.ts'

/** ACK_MESSAGE: a popped message was consumed. `extraInfo` is its receipt handle. */
export const ackMessage = request({
  code: 200051,
  header: {
    consumerGroup: f.string(),
    topic: f.string(),
    queueId: f.int(),
    extraInfo: f.string(),
    offset: f.long(),
    liteTopic: f.string().optional(),
  },
  answers: ['NO_MESSAGE'],
})
