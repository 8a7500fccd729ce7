import { f } from '../fields.ts'
import { request } from '../request.ts'

/** QUERY_CONSUMER_OFFSET: where a group stands in one queue (entries). */
export const queryConsumerOffset = request({
  code: 14,
  header: { consumerGroup: f.string(), topic: f.string(), queueId: f.int(), setZeroIfNotFound: f.bool().optional() },
  reply: { offset: f.long() },
  answers: ['QUERY_NOT_FOUND'],
})
