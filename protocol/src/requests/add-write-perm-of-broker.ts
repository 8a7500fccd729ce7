import { f } from '../fields.ts'
import { request } from '../request.ts'

/** ADD_WRITE_PERM_OF_BROKER: gives all queues of a broker read and write permission. */
export const addWritePermOfBroker = request({
  code: 327,
  header: { brokerName: f.string() },
  reply: { addTopicCount: f.int() },
})
