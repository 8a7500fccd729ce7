import { s, type TypeOf } from './shape.ts'

/** BrokerMemberGroup.java: the live members of one group, by broker id. */
export const brokerMemberGroup = s.bean({
  brokerAddrs: s.map(s.long(), s.string()).default(() => new Map()),
  brokerName: s.string().optional(),
  cluster: s.string().optional(),
})
export type BrokerMemberGroup = TypeOf<typeof brokerMemberGroup>

/** GetBrokerMemberGroupResponseBody.java */
export const getBrokerMemberGroupResponseBody = s.bean({ brokerMemberGroup: brokerMemberGroup.optional() })
export type GetBrokerMemberGroupResponseBody = TypeOf<typeof getBrokerMemberGroupResponseBody>
