import { isSystemGroup, requestByCode, responseCodes, SCHEDULE_TOPIC, versionName } from '@rocketcluster/protocol'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { type ReviveCount, SCAN_TIME_BUCKETS } from './messaging/pop/pop-stats.ts'
import { TIMER_BOUNDS_S } from './messaging/timer/timer-message-store.ts'
import { DELAY_BUCKETS_S } from './messaging/timer/timer-state.ts'
import { FINISH_LATENCY_BUCKETS } from './messaging/transactions/transaction-counts.ts'
import { isSystemTopic } from './metadata/system-topics.ts'
import type { BrokerServices } from './services.ts'
import { type Buckets, MESSAGE_SIZE_BUCKETS, RPC_LATENCY_BUCKETS } from './stats.ts'

type Labels = Readonly<Record<string, string | number>>

interface Sample {
  readonly labels?: Labels
  readonly value: number
  /** For histograms: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string
}

interface Definition {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  collect(services: BrokerServices): Iterable<Sample> | Promise<Iterable<Sample>>
}

const system = (services: BrokerServices, topic: string) => String(isSystemTopic(topic, services.topics.options))

function* histogram(labels: Labels, bounds: readonly number[], { counts, sum, count }: Buckets): Generator<Sample> {
  let below = 0
  for (const [i, bound] of bounds.entries()) {
    below += counts[i]!
    yield { suffix: '_bucket', labels: { ...labels, le: bound.toFixed(1) }, value: below }
  }
  yield { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count }
  yield { suffix: '_sum', labels, value: sum }
  yield { suffix: '_count', labels, value: count }
}

function countBy<T>(items: Iterable<T>, labelsOf: (item: T) => Labels): Sample[] {
  const counted = new Map<string, { labels: Labels; value: number }>()
  for (const item of items) {
    const labels = labelsOf(item)
    const key = JSON.stringify(labels)
    const entry = counted.get(key)
    if (entry) entry.value++
    else counted.set(key, { labels, value: 1 })
  }
  return [...counted.values()]
}

type Places = readonly (readonly [queueId: number, queueOffset: number])[]

interface Lag {
  readonly labels: Labels
  readonly topic: string
  readonly messages: number
  /** Of these, what nobody has popped or pulled yet. */
  readonly ready: number
  /** And what was popped and is not acknowledged, or pulled and not committed. */
  readonly inFlight: number
  /** The queues that hold messages not yet consumed, with the first such offset. */
  readonly behind: Places
  /** As above, of messages that nobody has popped or pulled. */
  readonly waiting: Places
}

/** How far each group is behind in each topic: only what has committed offsets, so idle topics cost nothing. */
function* lags(services: BrokerServices): Generator<Lag> {
  const { offsets, pops, store, topics } = services
  for (const [topic, group, queues] of offsets.entries()) {
    // The broker's own progress is no consumer's.
    if (!topics.get(topic) || isSystemGroup(group)) continue
    let messages = 0
    let ready = 0
    let inFlight = 0
    const behind: [number, number][] = []
    const waiting: [number, number][] = []
    for (const [queueId, queueOffset] of queues) {
      const popped = pops.ledger.positionOf(topic, group, queueId)
      const max = store.maxOffset(topic, queueId)
      const min = store.minOffset(topic, queueId)
      const committed = Math.max(queueOffset, min, popped?.nextOffset ?? 0)
      // Who pops commits what has been popped; what is pulled beyond that is with consumers that have not said more yet.
      const given = Math.min(max, Math.max(committed, offsets.pullOffset(group, topic, queueId) ?? 0))
      const notGiven = Math.max(0, max - given)
      const invisible = (popped?.inFlight ?? 0) + Math.max(0, given - committed)
      ready += notGiven
      inFlight += invisible
      if (notGiven > 0) waiting.push([queueId, given])
      if (notGiven + invisible === 0) continue
      messages += notGiven + invisible
      behind.push([queueId, Math.min(committed, popped?.firstInFlight ?? committed)])
    }
    const labels = {
      consumer_group: group,
      topic,
      is_retry: String(topic.startsWith('%RETRY%')),
      is_system: system(services, topic),
    }
    yield { labels, topic, messages, ready, inFlight, behind, waiting }
  }
}

/** Reads one message of each queue that is behind: the only metric that may touch the disk. */
async function ageMs({ store, world }: BrokerServices, topic: string, places: Places): Promise<number> {
  let oldest = Number.POSITIVE_INFINITY
  for (const [queueId, queueOffset] of places) {
    const storedMs = await store.storeTimestampAt(topic, queueId, queueOffset).catch(() => -1)
    if (storedMs > 0) oldest = Math.min(oldest, storedMs)
  }
  return Number.isFinite(oldest) ? Math.max(0, world.clock.now() - oldest) : 0
}

function* reviveCounts(counts: ReadonlyMap<string, ReviveCount>): Generator<Sample> {
  for (const { topic, group, type, queueId, status, count } of counts.values())
    yield {
      labels: {
        topic,
        consumer_group: group,
        ...(type === undefined ? {} : { revive_message_type: lower(type) }),
        ...(queueId === undefined ? {} : { queue_id: queueId }),
        ...(status === undefined ? {} : { put_status: lower(status) }),
      },
      value: count,
    }
}

const STORAGE = { storage_type: 'local', storage_medium: 'disk' }

const lower = (text: string) => text.toLowerCase()

/** Of what is counted in a topic; delayed messages that have come count as ordinary ones there. */
const messageType = (topic: string) => (topic === SCHEDULE_TOPIC ? 'delay' : 'normal')

/** SEND_MESSAGE_V2 is `send_message_v2`; a code that nobody has named is itself (RemotingHelper.java#getRequestCodeDesc). */
function requestName(code: number): string {
  const known = requestByCode.get(code)
  return known ? lower(known.name.replace(/[A-Z]/g, capital => `_${capital}`)) : String(code)
}

const responseNames = new Map<number, string>(
  Object.entries(responseCodes).map(([name, { code }]) => [code, lower(name)]),
)
/** A one-way request has no response code; Apache calls that success. */
const responseName = (code: number) => (code < 0 ? 'success' : (responseNames.get(code) ?? String(code)))

/**
 * Names, labels and meanings are RocketMQ 5's (BrokerMetricsConstant.java, DefaultStoreMetricsConstant.java), units at the end of a
 * name and lower-case label values as its Prometheus exporter prints them: dashboards made for Apache's brokers show ours.
 */
const definitions: readonly Definition[] = [
  {
    name: 'rocketmq_broker_permission',
    help: 'Broker permission: sum of 4 (read) and 2 (write).',
    type: 'gauge',
    collect: ({ config }) => [{ value: config.brokerPermission }],
  },
  {
    name: 'rocketmq_topic_number',
    help: 'Number of topics on this broker.',
    type: 'gauge',
    collect: ({ topics }) => [{ value: topics.count }],
  },
  {
    name: 'rocketmq_consumer_group_number',
    help: 'Number of consumer groups on this broker.',
    type: 'gauge',
    collect: ({ groups }) => [{ value: groups.count }],
  },
  {
    name: 'rocketmq_processor_watermark',
    help: 'Requests that wait, by processor.',
    type: 'gauge',
    collect: ({ sends, heldPulls }) => [
      { labels: { processor: 'send' }, value: sends.outstanding },
      { labels: { processor: 'pull' }, value: heldPulls.size },
    ],
  },
  {
    name: 'rocketmq_messages_in_total',
    help: 'Messages stored.',
    type: 'counter',
    *collect(services) {
      for (const [topic, { messages }] of services.stats.in)
        yield {
          labels: { topic, message_type: messageType(topic), is_system: system(services, topic) },
          value: messages,
        }
    },
  },
  {
    name: 'rocketmq_throughput_in_total',
    help: 'Bytes of the messages stored.',
    type: 'counter',
    *collect(services) {
      for (const [topic, { bytes }] of services.stats.in)
        yield { labels: { topic, message_type: messageType(topic), is_system: system(services, topic) }, value: bytes }
    },
  },
  {
    name: 'rocketmq_message_size',
    help: 'Size of the messages stored, in bytes.',
    type: 'histogram',
    *collect(services) {
      for (const [topic, { sizes }] of services.stats.in)
        yield* histogram(
          { topic, message_type: messageType(topic), is_system: system(services, topic) },
          MESSAGE_SIZE_BUCKETS,
          sizes,
        )
    },
  },
  {
    name: 'rocketmq_messages_out_total',
    help: 'Messages delivered to consumers.',
    type: 'counter',
    *collect(services) {
      for (const { topic, group, messages } of services.stats.out.values())
        yield { labels: { topic, consumer_group: group, is_system: system(services, topic) }, value: messages }
    },
  },
  {
    name: 'rocketmq_throughput_out_total',
    help: 'Bytes of the messages delivered to consumers.',
    type: 'counter',
    *collect(services) {
      for (const { topic, group, bytes } of services.stats.out.values())
        yield { labels: { topic, consumer_group: group, is_system: system(services, topic) }, value: bytes }
    },
  },
  {
    name: 'rocketmq_send_to_dlq_messages_total',
    help: 'Messages that have become dead letters.',
    type: 'counter',
    *collect(services) {
      for (const { topic, group, messages } of services.stats.deadLetters.values())
        yield { labels: { topic, consumer_group: group, is_system: system(services, topic) }, value: messages }
    },
  },
  {
    name: 'rocketmq_rpc_latency_milliseconds',
    help: 'Time from a request to its answer, in milliseconds.',
    type: 'histogram',
    *collect({ stats }) {
      for (const { code, status, oneWay, longPolling, latency } of stats.rpc.values()) {
        const labels = {
          protocol_type: 'remoting',
          request_code: requestName(code),
          response_code: responseName(status),
          is_long_polling: String(longPolling),
          result: oneWay ? 'oneway' : 'success',
        }
        yield* histogram(labels, RPC_LATENCY_BUCKETS, latency)
      }
    },
  },
  {
    name: 'rocketmq_producer_connections',
    help: 'Connected producers.',
    type: 'gauge',
    collect: ({ clients }) =>
      countBy(
        [...clients.producerGroups()].flatMap(([, members]) => [...members.values()]),
        ({ language, version }) => ({
          language: lower(language),
          version: lower(versionName(version)),
          protocol_type: 'remoting',
        }),
      ),
  },
  {
    name: 'rocketmq_consumer_connections',
    help: 'Connected consumers.',
    type: 'gauge',
    collect: ({ clients }) =>
      countBy(
        [...clients.consumerGroups()].flatMap(group => [...group.members.values()].map(member => ({ group, member }))),
        ({ group, member }) => ({
          consumer_group: group.groupName,
          language: lower(member.language),
          version: lower(versionName(member.version)),
          consume_mode: group.consumeType === 'CONSUME_ACTIVELY' ? 'pull' : 'push',
          protocol_type: 'remoting',
          is_system: 'false',
        }),
      ),
  },
  {
    name: 'rocketmq_consumer_lag_messages',
    help: 'Messages stored and not yet consumed.',
    type: 'gauge',
    *collect(services) {
      for (const { labels, messages } of lags(services)) yield { labels, value: messages }
    },
  },
  {
    name: 'rocketmq_consumer_lag_latency_milliseconds',
    help: 'Age of the oldest message not yet consumed, in milliseconds.',
    type: 'gauge',
    collect: async services =>
      Promise.all(
        [...lags(services)].map(async ({ labels, topic, behind }) => ({
          labels,
          value: await ageMs(services, topic, behind),
        })),
      ),
  },
  {
    name: 'rocketmq_consumer_ready_messages',
    help: 'Messages stored that no consumer of the group has popped or pulled yet.',
    type: 'gauge',
    *collect(services) {
      for (const { labels, ready } of lags(services)) yield { labels, value: ready }
    },
  },
  {
    name: 'rocketmq_consumer_inflight_messages',
    help: 'Messages popped and not yet acknowledged, or pulled and not yet committed.',
    type: 'gauge',
    *collect(services) {
      for (const { labels, inFlight } of lags(services)) yield { labels, value: inFlight }
    },
  },
  {
    name: 'rocketmq_consumer_queueing_latency_milliseconds',
    help: 'Age of the oldest message that is ready, in milliseconds.',
    type: 'gauge',
    collect: async services =>
      Promise.all(
        [...lags(services)].map(async ({ labels, topic, waiting }) => ({
          labels,
          value: await ageMs(services, topic, waiting),
        })),
      ),
  },
  {
    name: 'rocketmq_pop_offset_buffer_size',
    help: 'Ends of pops that are not committed yet.',
    type: 'gauge',
    collect: ({ pops }) => [{ value: pops.ledger.uncommittedCount }],
  },
  {
    name: 'rocketmq_pop_checkpoint_buffer_size',
    help: 'Pops with messages that are not acknowledged.',
    type: 'gauge',
    collect: ({ pops }) => [{ value: pops.ledger.checkPointCount }],
  },
  {
    name: 'rocketmq_pop_revive_lag_milliseconds',
    help: 'Pops whose time is over and whose messages are not given back yet: a number, in spite of its name.',
    type: 'gauge',
    *collect({ pops }) {
      for (const { queueId, count } of pops.ledger.overdue()) yield { labels: { queue_id: queueId }, value: count }
    },
  },
  {
    name: 'rocketmq_pop_revive_latency_milliseconds',
    help: 'For how long the time of the oldest of them has been over, in milliseconds.',
    type: 'gauge',
    *collect({ pops }) {
      for (const { queueId, oldestMs } of pops.ledger.overdue())
        yield { labels: { queue_id: queueId }, value: oldestMs }
    },
  },
  {
    name: 'rocketmq_pop_revive_in_message_total',
    help: 'Check points and acknowledgements written to the revive topic.',
    type: 'counter',
    collect: ({ pops }) => reviveCounts(pops.stats.reviveIn),
  },
  {
    name: 'rocketmq_pop_revive_out_message_total',
    help: 'Check points that are done with, and acknowledgements taken into account.',
    type: 'counter',
    collect: ({ pops }) => reviveCounts(pops.stats.reviveOut),
  },
  {
    name: 'rocketmq_pop_revive_retry_messages_total',
    help: 'Messages given back because nobody acknowledged them in time.',
    type: 'counter',
    collect: ({ pops }) => reviveCounts(pops.stats.retries),
  },
  {
    name: 'rocketmq_pop_buffer_scan_time_consume_milliseconds',
    help: 'Time that a look at what is due takes, in milliseconds.',
    type: 'histogram',
    collect: ({ pops }) => histogram({}, SCAN_TIME_BUCKETS, pops.stats.scanTime),
  },
  {
    name: 'rocketmq_half_messages',
    help: 'Messages that wait for their transaction.',
    type: 'gauge',
    *collect({ transactions }) {
      for (const [topic, value] of transactions.counts.half()) yield { labels: { topic }, value }
    },
  },
  {
    name: 'rocketmq_commit_messages_total',
    help: 'Transactions committed.',
    type: 'counter',
    *collect({ transactions }) {
      for (const [topic, value] of transactions.counts.commits) yield { labels: { topic }, value }
    },
  },
  {
    name: 'rocketmq_rollback_messages_total',
    help: 'Transactions rolled back.',
    type: 'counter',
    *collect({ transactions }) {
      for (const [topic, value] of transactions.counts.rollbacks) yield { labels: { topic }, value }
    },
  },
  {
    // Apache’s name and its slip: what it records under milliseconds are seconds.
    name: 'rocketmq_finish_message_latency_milliseconds',
    help: 'Time from a message’s birth to its commit, in seconds.',
    type: 'histogram',
    *collect({ transactions }) {
      for (const [topic, buckets] of transactions.counts.finishSeconds)
        yield* histogram({ topic }, FINISH_LATENCY_BUCKETS, buckets)
    },
  },
  {
    name: 'rocketmq_timer_enqueue_lag',
    help: 'Timed messages stored and not yet in the wheel.',
    type: 'gauge',
    collect: ({ timer }) => (timer.running ? [{ labels: STORAGE, value: timer.enqueueBehindMessages }] : []),
  },
  {
    name: 'rocketmq_timer_enqueue_latency_milliseconds',
    help: 'For how long timed messages wait to get into the wheel, in milliseconds.',
    type: 'gauge',
    collect: ({ timer }) => (timer.running ? [{ labels: STORAGE, value: timer.enqueueBehindMs }] : []),
  },
  {
    name: 'rocketmq_timer_dequeue_lag',
    help: 'Messages in the wheel.',
    type: 'gauge',
    collect: ({ timer }) => (timer.running ? [{ labels: STORAGE, value: timer.pending }] : []),
  },
  {
    // Apache gives seconds under this name.
    name: 'rocketmq_timer_dequeue_latency_milliseconds',
    help: 'By how much the newest slot that was delivered lies behind the present, in milliseconds.',
    type: 'gauge',
    collect: ({ timer }) => (timer.running ? [{ labels: STORAGE, value: timer.dequeueBehindMs }] : []),
  },
  {
    name: 'rocketmq_timing_messages',
    help: 'Messages that wait for their time, by the topic they are for.',
    type: 'gauge',
    *collect({ timer }) {
      if (!timer.running) return
      for (const [topic, { count }] of timer.metrics.counts) yield { labels: { ...STORAGE, topic }, value: count }
    },
  },
  {
    name: 'rocketmq_timer_enqueue_total',
    help: 'Timed messages taken up.',
    type: 'counter',
    *collect({ timer }) {
      for (const [topic, value] of timer.counts.enqueued) yield { labels: { ...STORAGE, topic }, value }
    },
  },
  {
    name: 'rocketmq_timer_dequeue_total',
    help: 'Timed messages that have left the wheel.',
    type: 'counter',
    *collect({ timer }) {
      for (const [topic, value] of timer.counts.dequeued) yield { labels: { ...STORAGE, topic }, value }
    },
  },
  {
    name: 'rocketmq_timer_message_snapshot',
    help: 'Messages that wait for their time, by how far away that is: up to so many seconds, and further than the bound before.',
    type: 'gauge',
    async collect({ timer }) {
      if (!timer.running) return []
      const counts = await timer.snapshot().catch(() => [])
      return counts.map((value, i) => ({ labels: { ...STORAGE, timer_bound_s: TIMER_BOUNDS_S[i]! }, value }))
    },
  },
  {
    name: 'rocketmq_delay_message_latency_seconds',
    help: 'Delays of timed messages, in seconds.',
    type: 'histogram',
    *collect({ timer }) {
      for (const [topic, buckets] of timer.counts.delaysS)
        yield* histogram({ ...STORAGE, topic }, DELAY_BUCKETS_S, buckets)
    },
  },
  {
    name: 'rocketmq_storage_size_bytes',
    help: 'Bytes in the commit log.',
    type: 'gauge',
    collect: ({ store }) => [{ labels: STORAGE, value: store.maxPhysicalOffset - store.minPhysicalOffset }],
  },
  {
    name: 'rocketmq_storage_flush_behind_bytes',
    help: 'Bytes written and not yet synced to disk.',
    type: 'gauge',
    collect: ({ store }) => [{ labels: STORAGE, value: store.flushBehindBytes }],
  },
  {
    name: 'rocketmq_storage_dispatch_behind_bytes',
    help: 'Bytes in the commit log that the consume queues do not have yet.',
    type: 'gauge',
    collect: ({ store }) => [{ labels: STORAGE, value: store.dispatchBehindBytes }],
  },
  {
    name: 'rocketmq_storage_message_reserve_time_milliseconds',
    help: 'Age of the oldest message stored, in milliseconds.',
    type: 'gauge',
    collect: async ({ store, world }) => {
      // A disk that fails must not take the whole page with it.
      const earliest = await store.earliestStoreTimestamp().catch(() => -1)
      return [{ labels: STORAGE, value: earliest > 0 ? Math.max(0, world.clock.now() - earliest) : 0 }]
    },
  },
]

/**
 * The registry behind `/metrics`. Nothing is counted through prom-client: the values are read from the broker's own
 * plain numbers when somebody scrapes, so that the hot path does not pay for it.
 */
export function metricsRegistry(services: BrokerServices): Registry {
  const registry = new Registry()
  const common = {
    cluster: services.config.brokerClusterName,
    node_type: 'broker',
    node_id: services.config.brokerName,
    // What OpenTelemetry's exporter puts on every series of Apache's broker.
    otel_scope_name: 'broker-meter',
    ...extraLabels(services.config.metricsLabel),
  }
  for (const definition of definitions) registry.registerMetric(asMetric(definition, services, common) as never)
  collectDefaultMetrics({ register: registry })
  return registry
}

/** The part of prom-client's Metric that a registry uses. */
function asMetric({ name, help, type, collect }: Definition, services: BrokerServices, common: Labels) {
  return {
    name,
    help,
    type,
    aggregator: 'sum',
    async get() {
      const values = [...(await collect(services))].map(({ labels, value, suffix }) => ({
        value,
        labels: { ...common, ...labels },
        metricName: `${name}${suffix ?? ''}`,
      }))
      return { name, help, type, aggregator: 'sum', values }
    },
    reset() {},
  }
}

/** metricsLabel: `key:value,key:value` (BrokerMetricsManager.java). */
function extraLabels(text: string): Record<string, string> {
  const pairs = text
    .split(',')
    .map(part => part.split(':'))
    .filter(pair => pair.length === 2)
  return Object.fromEntries(pairs.map(([key, value]) => [key!.trim(), value!.trim()]))
}
