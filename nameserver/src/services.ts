import type { Clock, Log } from '@rocketcluster/world'
import type { Configuration } from './configuration.ts'
import type { KvConfig } from './kv-config.ts'
import type { NameserverMetrics } from './metrics.ts'
import type { RouteRegistry } from './registry/registry.ts'
import type { MinBrokerIdChange } from './registry/types.ts'
import type { RouteAnswers } from './route-answers.ts'

/** What every handler of the name server may use; nothing else is shared between requests. */
export interface NameserverServices {
  readonly clock: Clock
  readonly log: Log
  readonly routes: RouteRegistry
  readonly routeAnswers: RouteAnswers
  readonly kvConfig: KvConfig
  readonly configuration: Configuration
  readonly metrics: NameserverMetrics
  /** When this name server started, on the monotonic clock. */
  readonly startedMs: number
  /** Tells the members of a group who has the smallest broker id now, when the configuration wants that. */
  tellMinBrokerIdChange(change: MinBrokerIdChange | undefined): void
}
