import type { BrokerConfig } from '@rocketcluster/config'
import type { ServerConnection } from '@rocketcluster/remoting'
import type { World } from '@rocketcluster/world'
import { Arrivals } from './arrivals.ts'
import { ClientRegistry } from './clients/client-registry.ts'
import { ScheduleMessageService } from './messaging/delay/schedule-message-service.ts'
import { ConsumerFilters } from './messaging/filter/consumer-filters.ts'
import { HeldPulls } from './messaging/held-pulls.ts'
import { OrderLocks } from './messaging/order/order-locks.ts'
import { MessageRequestModes } from './messaging/pop/message-request-modes.ts'
import { Pops } from './messaging/pop/pops.ts'
import { Puts } from './messaging/puts.ts'
import { DeadLetters } from './messaging/retry/dead-letters.ts'
import { TimerMessageStore } from './messaging/timer/timer-message-store.ts'
import { timerRedirect } from './messaging/timer/timer-redirect.ts'
import { Askers } from './messaging/transactions/askers.ts'
import { Transactions } from './messaging/transactions/transactions.ts'
import { ConsumerOffsets } from './metadata/consumer-offsets.ts'
import { SubscriptionGroups } from './metadata/subscription-groups.ts'
import { isCompacted } from './metadata/topic-attributes.ts'
import { Topics } from './metadata/topics.ts'
import { RecentStats } from './recent-stats.ts'
import type { BrokerServices } from './services.ts'
import { BrokerStats } from './stats.ts'
import { type CompactedTopic, CompactionStore } from './store/compaction/compaction-store.ts'
import type { Store } from './store/store.ts'
import { Throughput } from './throughput.ts'

/** What a broker has before it listens. */
export type BrokerParts = Omit<
  BrokerServices,
  | 'world'
  | 'config'
  | 'brokerAddress'
  | 'store'
  | 'routes'
  | 'sends'
  | 'replication'
  | 'nameServers'
  | 'brokerStart'
  | 'updateConfig'
>

/**
 * Reads what the broker knows (`directory` is its `config/`) and makes what it does with messages, each part knowing those
 * it stands on. Nothing runs by itself yet. Rejects when a file is unreadable.
 */
export async function openParts(
  world: World,
  config: BrokerConfig,
  store: Store,
  directory: string,
): Promise<BrokerParts> {
  const topics = await Topics.load(world, config, directory, world.log)
  const groups = await SubscriptionGroups.load(world, config, directory, world.log)
  const offsets = await ConsumerOffsets.load(world, directory, world.log)
  const filters = await ConsumerFilters.load(world, config, directory)
  const stats = new BrokerStats()
  const clients = new ClientRegistry<ServerConnection>(world.clock)
  const heldPulls = new HeldPulls()
  const arrivals = new Arrivals(world.log)
  store.onArrival = arrived => arrivals.arrived(arrived)
  arrivals.add(arrived => heldPulls.arrived(arrived))
  const schedule = new ScheduleMessageService({ world, store, stats, directory, config })
  arrivals.add(() => schedule.arrived())
  const puts = new Puts(store, [
    schedule.redirect,
    timerRedirect(config, {
      now: () => world.clock.now(),
      randomInt: bound => world.random.int(bound),
      congestion: slotMs => timer.congestion(slotMs),
    }),
  ])
  const timer = new TimerMessageStore({ world, store, puts, stats, config })
  arrivals.add(() => timer.arrived())
  const compaction = config.enableCompaction
    ? await CompactionStore.open(world, store, config, () => compactedTopics(topics))
    : undefined
  store.onTopicDeleted = async topic => compaction?.deleteTopic(topic)
  store.neededFrom = async () =>
    Math.min(
      await timer.neededFrom(),
      await schedule.neededFrom(),
      (await compaction?.neededFrom()) ?? Number.POSITIVE_INFINITY,
    )
  const askers = new Askers(clients, config.brokerName)
  const transactions = new Transactions({ world, config, store, puts, topics, offsets, askers, stats, directory })
  const orderLocks = new OrderLocks(world.clock)
  const recentStats = new RecentStats(world.clock, stats, config.brokerClusterName)
  const deadLetters = new DeadLetters({
    groups,
    topics,
    stats,
    hasOrderLocks: group => orderLocks.anyHeld(group),
  })
  const pops = await Pops.load({ world, config, store, topics, groups, offsets, arrivals, deadLetters, directory })
  const requestModes = await MessageRequestModes.load(world, directory, world.log)
  const throughput = new Throughput(world.clock, () => ({
    put: store.stats.putMessages,
    got: store.stats.getMessages,
  }))
  return {
    topics,
    groups,
    offsets,
    clients,
    filters,
    arrivals,
    heldPulls,
    puts,
    transactions,
    orderLocks,
    schedule,
    timer,
    compaction,
    deadLetters,
    pops,
    requestModes,
    stats,
    throughput,
    recentStats,
  }
}

function* compactedTopics(topics: Topics): Iterable<CompactedTopic> {
  for (const topic of topics.all())
    if (isCompacted(topic))
      yield { topic: topic.topicName, queues: Math.max(topic.writeQueueNums, topic.readQueueNums) }
}
