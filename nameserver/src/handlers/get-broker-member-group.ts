import type { Handler } from '../handler.ts'

/** GET_BROKER_MEMBER_GROUP: where the members of one group are; no addresses when it is unknown. */
export const getBrokerMemberGroup: Handler<'getBrokerMemberGroup'> = ({ clusterName, brokerName }, { routes }) => ({
  body: { brokerMemberGroup: { cluster: clusterName, brokerName, brokerAddrs: routes.memberGroup(brokerName) } },
})
