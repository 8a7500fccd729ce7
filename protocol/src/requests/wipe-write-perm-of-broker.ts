import { f } from '../fields.ts'
import { request } from '../request.ts'

/** WIPE_WRITE_PERM_OF_BROKER: takes the write permission from all queues of a broker, so that producers leave it. */
export const wipeWritePermOfBroker = request({
  code: 205,
  header: { brokerName: f.string() },
  reply: { wipeTopicCount: f.int() },
})
