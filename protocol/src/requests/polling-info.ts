import { f } from '../fields.ts'
import { request } from '../request.ts'

/** POLLING_INFO: how many pops are held for one queue. */
export const pollingInfo = request({
  code: 200055,
  header: { consumerGroup: f.string(), topic: f.string(), queueId: f.int() },
  reply: { pollingNum: f.int() },
})
