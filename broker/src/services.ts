import type { BrokerConfig } from '@rocketcluster/config'
import type { ServerConnection } from '@rocketcluster/remoting'
import type { World } from '@rocketcluster/world'
import type { Arrivals } from './arrivals.ts'
import type { ClientRegistry } from './clients/client-registry.ts'
import type { HeldPulls } from './messaging/held-pulls.ts'
import type { Puts } from './messaging/puts.ts'
import type { Sends } from './messaging/sends.ts'
import type { ConsumerOffsets } from './metadata/consumer-offsets.ts'
import type { SubscriptionGroups } from './metadata/subscription-groups.ts'
import type { Topics } from './metadata/topics.ts'
import type { NameServers } from './name-servers.ts'
import type { BrokerStats } from './stats.ts'
import type { Store } from './store/store.ts'
import type { Throughput } from './throughput.ts'

/** What every handler of the broker may use; nothing else is shared between requests. */
export interface BrokerServices {
  readonly world: World
  readonly config: BrokerConfig
  /** `brokerIP1:port`, as registered with the name servers. */
  readonly brokerAddress: string
  readonly store: Store
  readonly topics: Topics
  readonly groups: SubscriptionGroups
  readonly offsets: ConsumerOffsets
  readonly clients: ClientRegistry<ServerConnection>
  readonly arrivals: Arrivals
  readonly heldPulls: HeldPulls
  readonly puts: Puts
  readonly sends: Sends
  readonly nameServers: NameServers
  readonly stats: BrokerStats
  readonly throughput: Throughput
  /** Wall time of this process's start, in milliseconds. */
  readonly brokerStart: number
  /** Applies properties text to the configuration and saves it; returns the keys that changed. */
  readonly updateConfig: (changes: string) => Promise<readonly string[]>
}
