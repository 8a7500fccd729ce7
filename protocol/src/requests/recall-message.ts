import { f } from '../fields.ts'
import { request } from '../request.ts'

/** RECALL_MESSAGE: takes back a timed message that was not delivered yet. */
export const recallMessage = request({
  code: 370,
  header: { producerGroup: f.string().optional(), topic: f.string(), recallHandle: f.string() },
  reply: { msgId: f.string() },
})
