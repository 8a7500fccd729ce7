import type { BrokerConfig } from '@rocketcluster/config'
import type { ServerConnection } from '@rocketcluster/remoting'
import type { World } from '@rocketcluster/world'
import type { Arrivals } from './arrivals.ts'
import type { ClientRegistry } from './clients/client-registry.ts'
import type { ScheduleMessageService } from './messaging/delay/schedule-message-service.ts'
import type { ConsumerFilters } from './messaging/filter/consumer-filters.ts'
import type { HeldPulls } from './messaging/held-pulls.ts'
import type { OrderLocks } from './messaging/order/order-locks.ts'
import type { MessageRequestModes } from './messaging/pop/message-request-modes.ts'
import type { Pops } from './messaging/pop/pops.ts'
import type { TopicRoutes } from './messaging/pop/topic-routes.ts'
import type { Puts } from './messaging/puts.ts'
import type { DeadLetters } from './messaging/retry/dead-letters.ts'
import type { Sends } from './messaging/sends.ts'
import type { TimerMessageStore } from './messaging/timer/timer-message-store.ts'
import type { Transactions } from './messaging/transactions/transactions.ts'
import type { ConsumerOffsets } from './metadata/consumer-offsets.ts'
import type { SubscriptionGroups } from './metadata/subscription-groups.ts'
import type { Topics } from './metadata/topics.ts'
import type { NameServers } from './name-servers.ts'
import type { RecentStats } from './recent-stats.ts'
import type { Replication } from './replication/replication.ts'
import type { BrokerStats } from './stats.ts'
import type { CompactionStore } from './store/compaction/compaction-store.ts'
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
  /** What consumers want that subscribe by SQL92. */
  readonly filters: ConsumerFilters
  readonly arrivals: Arrivals
  readonly heldPulls: HeldPulls
  readonly puts: Puts
  /** Messages that wait for their producer's transaction. */
  readonly transactions: Transactions
  /** Which member of a group consumes a queue in order. */
  readonly orderLocks: OrderLocks
  /** Messages delayed by level. */
  readonly schedule: ScheduleMessageService
  /** Messages that wait for a moment of their own. */
  readonly timer: TimerMessageStore
  /** Topics that keep the newest message of each key; undefined with enableCompaction=false. */
  readonly compaction: CompactionStore | undefined
  /** What becomes of messages on which a group has failed too often. */
  readonly deadLetters: DeadLetters
  /** What was popped and is invisible until it is acknowledged, and who waits to pop. */
  readonly pops: Pops
  /** Which groups pull and which pop. */
  readonly requestModes: MessageRequestModes
  /** The queues of topics on all brokers. */
  readonly routes: TopicRoutes
  readonly sends: Sends
  /** This broker's part in its group: links to replicas, or to the master. */
  readonly replication: Replication
  readonly nameServers: NameServers
  readonly stats: BrokerStats
  readonly throughput: Throughput
  /** What statsAll of mqadmin shows: topics and groups over the last minute, hour and day. */
  readonly recentStats: RecentStats
  /** Wall time of this process's start, in milliseconds. */
  readonly brokerStart: number
  /** Applies properties text to the configuration and saves it; returns the keys that changed. */
  readonly updateConfig: (changes: string) => Promise<readonly string[]>
}
