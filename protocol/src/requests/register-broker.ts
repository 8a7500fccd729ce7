import { kvTable } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { bytesBody } from '../raw-bodies.ts'
import { request } from '../request.ts'

/**
 * REGISTER_BROKER: a broker tells a name server its topics. The body's form depends on `compressed` and the sender's
 * version; `bodyCrc32` 0 means unchecked. The answer has the order topics.
 */
export const registerBroker = request({
  code: 103,
  header: {
    brokerName: f.string(),
    brokerAddr: f.string(),
    clusterName: f.string(),
    haServerAddr: f.string(),
    brokerId: f.long(),
    heartbeatTimeoutMillis: f.long().optional(),
    enableActingMaster: f.bool().optional(),
    compressed: f.bool().default(false),
    bodyCrc32: f.int().default(0),
    zoneName: f.string().optional().as('__ZONE_NAME'),
  },
  body: bytesBody,
  reply: { haServerAddr: f.string().optional(), masterAddr: f.string().optional() },
  replyBody: kvTable,
})
