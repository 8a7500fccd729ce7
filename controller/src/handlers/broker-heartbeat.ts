import type { Handler } from '../handler.ts'
import { reportOf } from './report.ts'

/**
 * BROKER_HEARTBEAT: a member is alive. An Apache broker sends it one-way; ours is told the record, so that it
 * learns of every change within a second even when a notification was lost.
 */
export const brokerHeartbeat: Handler<'brokerHeartbeat'> = async (header, { controller, connection }) => {
  const { brokerId, brokerAddr, brokerName, heartbeatTimeoutMills } = header
  if (brokerId === undefined || brokerId < 1)
    return {
      status: 'CONTROLLER_INVALID_REQUEST',
      remark: `Heart beat with brokerId ${brokerId ?? 'missing'}; ids begin at 1`,
    }
  const report = reportOf(header, brokerId, brokerAddr)
  const { mustRegister } = await controller.beat(report, connection, heartbeatTimeoutMills)
  const { text } = controller.known(brokerName)
  const reply = { record: text, formingRecord: controller.forming(brokerName) }
  if (mustRegister !== undefined)
    return { status: 'CONTROLLER_BROKER_NEED_TO_BE_REGISTERED', remark: mustRegister, ...reply }
  return { remark: 'Heart beat success', ...reply }
}
