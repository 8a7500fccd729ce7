import { f } from '../fields.ts'
import { request } from '../request.ts'

/** UNREGISTER_CLIENT: a client leaves a group, now rather than by silence. */
export const unregisterClient = request({
  code: 35,
  header: { clientID: f.string(), producerGroup: f.string().optional(), consumerGroup: f.string().optional() },
})
