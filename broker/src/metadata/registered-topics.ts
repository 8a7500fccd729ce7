import { type Topics, withoutMappings } from './topics.ts'

/** A broker without a permission registers its topics without it, so that clients stop choosing it (BrokerController.java). */
export function registeredTopics(snapshot: ReturnType<Topics['snapshot']>, brokerPermission: number) {
  if ((brokerPermission & 6) === 6) return withoutMappings(snapshot)
  const limited = [...snapshot.topicConfigTable].map(
    ([name, config]) => [name, { ...config, perm: config.perm & brokerPermission }] as const,
  )
  return withoutMappings({ ...snapshot, topicConfigTable: new Map(limited) })
}
