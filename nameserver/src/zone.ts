import type { BrokerData, TopicRouteData } from '@rocketcluster/protocol'
import { MASTER_ID } from './registry/types.ts'

/** extFields by which brokers say where they stand and clients say what they want (MixAll.java). */
export const ZONE_NAME = '__ZONE_NAME'
export const ZONE_MODE = '__ZONE_MODE'

/** The zone a client wants to stay in, or undefined when it takes all. */
export function wantedZone(ext: Readonly<Record<string, string>>): string | undefined {
  if (ext[ZONE_MODE]?.toLowerCase() !== 'true') return undefined
  const zoneName = ext[ZONE_NAME]
  return zoneName === undefined || zoneName.trim() === '' ? undefined : zoneName
}

/**
 * The part of a route that stands in one zone. A group without master is kept wherever it stands: its messages can be
 * read nowhere else (ZoneRouteRPCHook.java).
 */
export function inZone(route: TopicRouteData, zoneName: string): TopicRouteData {
  const wanted = zoneName.toLowerCase()
  const isKept = ({ brokerAddrs, zoneName: zone }: BrokerData) =>
    !brokerAddrs.has(MASTER_ID) || zone?.toLowerCase() === wanted
  const removed = route.brokerDatas.filter(group => !isKept(group))
  const removedNames = new Set(removed.map(({ brokerName }) => brokerName))
  const removedAddrs = new Set(removed.flatMap(({ brokerAddrs }) => [...brokerAddrs.values()]))
  return {
    ...route,
    brokerDatas: route.brokerDatas.filter(isKept),
    queueDatas: route.queueDatas.filter(({ brokerName }) => !removedNames.has(brokerName)),
    filterServerTable: new Map([...route.filterServerTable].filter(([addr]) => !removedAddrs.has(addr))),
  }
}
