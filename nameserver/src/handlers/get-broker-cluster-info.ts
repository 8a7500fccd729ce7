import type { Handler } from '../handler.ts'

/** GET_BROKER_CLUSTER_INFO: all groups with their members, and which cluster each belongs to. */
export const getBrokerClusterInfo: Handler<'getBrokerClusterInfo'> = (_header, { routes }) => ({
  body: routes.clusterInfo(),
})
