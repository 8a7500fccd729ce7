import type { Handler } from '../handler.ts'

/** GET_ALL_PRODUCER_INFO: every connected producer, by group. */
export const getAllProducerInfo: Handler<'getAllProducerInfo'> = (_header, { clients, world }) => {
  const silentSince = world.clock.now() - world.clock.monotonicMs()
  const data = new Map(
    [...clients.producerGroups()].map(
      ([group, members]) =>
        [
          group,
          [...members.values()].map(info => ({
            clientId: info.clientId,
            remoteIP: info.channel.remoteAddress,
            language: info.language,
            version: info.version,
            lastUpdateTimestamp: Math.round(silentSince + info.lastUpdateMs),
          })),
        ] as const,
    ),
  )
  return { body: { data } }
}
