import { ResponseError } from '@rocketcluster/protocol'
import type { brokerHandlers } from '../handlers.ts'

/** What changes topics, groups or offsets would be undone by the next look at the master, and then nobody knows why. */
const NOT_HERE = "Can't modify topic or subscription group from slave broker, please execute it from master broker."

const refuse = () => {
  throw new ResponseError('NO_PERMISSION', NOT_HERE)
}
const refuseReset = () => {
  throw new ResponseError('SYSTEM_ERROR', 'Can not reset offset in slave broker')
}
const refuseWrite = () => {
  throw new ResponseError(
    'SERVICE_NOT_AVAILABLE',
    'this broker is a slave: only the master of its group takes messages',
  )
}

/**
 * What a slave answers instead of what a master does: sentences of AdminBrokerProcessor.java where it has one. Sends and
 * what else goes into the log are refused by the store; pops and acknowledgements write check points, so they are too.
 */
export const refusedOnSlave = {
  ackMessage: refuseWrite,
  batchAckMessage: refuseWrite,
  changeMessageInvisibletime: refuseWrite,
  cloneGroupOffset: refuse,
  consumerSendMsgBack: refuseWrite,
  deleteSubscriptiongroup: refuse,
  deleteTopicInBroker: refuse,
  invokeBrokerToResetOffset: refuseReset,
  popMessage: refuseWrite,
  resumeCheckHalfMessage: refuseWrite,
  setMessageRequestMode: refuse,
  updateAndCreateSubscriptiongroup: refuse,
  updateAndCreateSubscriptiongroupList: refuse,
  updateAndCreateTopic: refuse,
  updateAndCreateTopicList: refuse,
  updateAndGetGroupForbidden: refuse,
} satisfies { [Name in keyof typeof brokerHandlers]?: () => never }
