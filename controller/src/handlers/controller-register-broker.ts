import type { Handler } from '../handler.ts'
import { isOurs, masterOf, register } from '../state/index.ts'
import { accepted, masterReply, orStoreError, recordReply, setOf } from './answers.ts'
import { reportOf } from './report.ts'

/**
 * CONTROLLER_REGISTER_BROKER: a process of a member has started. The answer names the master only when it is alive here, as
 * Apache's does: an Apache broker asks for an election when it does not.
 */
export const controllerRegisterBroker: Handler<'controllerRegisterBroker'> = async (
  header,
  { controller, connection, random },
) => {
  const { clusterName, brokerName, brokerId, brokerAddress, heartbeatTimeoutMills } = header
  const report = reportOf(header, brokerId, brokerAddress)
  // An Apache broker registers once in its life: whoever does so again is another process.
  const processId = report.processId ?? Buffer.from(random.bytes(8)).toString('hex')
  const hello = { ...report, processId }
  const { record, decision } = accepted(
    await orStoreError(controller.change(brokerName, (current, live) => register(current, hello, live))),
  )
  await controller.registered(hello, connection, heartbeatTimeoutMills)
  const master = record && masterOf(record)
  const isLive = master !== undefined && controller.live.report(brokerName, master.brokerId) !== undefined
  return {
    clusterName,
    brokerName,
    ...(record && isLive && masterReply(record)),
    ...(isOurs(report) && { ...recordReply(record), formingRecord: controller.forming(brokerName) }),
    remark: decision.why,
    body: setOf(record),
  }
}
