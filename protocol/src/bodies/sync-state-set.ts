import { brokerMemberGroup } from './broker-member-group.ts'
import { items, s, type TypeOf, table } from './shape.ts'

/** SyncStateSet.java: broker ids in sync with the master. */
export const syncStateSet = s.bean({ syncStateSet: items(s.long()), syncStateSetEpoch: s.int().default(0) })
export type SyncStateSet = TypeOf<typeof syncStateSet>

/** ElectMasterResponseBody.java */
export const electMasterResponseBody = s.bean({
  brokerMemberGroup: brokerMemberGroup.optional(),
  syncStateSet: items(s.long()),
})
export type ElectMasterResponseBody = TypeOf<typeof electMasterResponseBody>

/** RoleChangeNotifyEntry.java */
export const roleChangeNotifyEntry = s.bean({
  brokerMemberGroup: brokerMemberGroup.optional(),
  masterAddress: s.string().optional(),
  masterBrokerId: s.long().optional(),
  masterEpoch: s.int().default(0),
  syncStateSet: items(s.long()),
  syncStateSetEpoch: s.int().default(0),
})
export type RoleChangeNotifyEntry = TypeOf<typeof roleChangeNotifyEntry>

/** BrokerReplicasInfo.ReplicaIdentity */
export const replicaIdentity = s.bean({
  alive: s.bool().optional(),
  brokerAddress: s.string().optional(),
  brokerId: s.long().optional(),
  brokerName: s.string().optional(),
})

/** BrokerReplicasInfo.ReplicasInfo */
export const replicasInfo = s.bean({
  inSyncReplicas: items(replicaIdentity),
  masterAddress: s.string().optional(),
  masterBrokerId: s.long().optional(),
  masterEpoch: s.int().default(0),
  notInSyncReplicas: items(replicaIdentity),
  syncStateSetEpoch: s.int().default(0),
})

/** BrokerReplicasInfo.java: by broker name. */
export const brokerReplicasInfo = s.bean({ replicasInfoTable: table(replicasInfo) })
export type BrokerReplicasInfo = TypeOf<typeof brokerReplicasInfo>
