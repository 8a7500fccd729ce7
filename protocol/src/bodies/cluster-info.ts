import { s, type TypeOf, table } from './shape.ts'
import { brokerData } from './topic-route-data.ts'

/** ClusterInfo.java: broker groups by name, and the groups of each cluster. */
export const clusterInfo = s.bean({
  brokerAddrTable: table(brokerData),
  clusterAddrTable: table(s.list(s.string())),
})
export type ClusterInfo = TypeOf<typeof clusterInfo>
