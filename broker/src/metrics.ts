import { requestByCode, responseCodes, versionName } from '@rocketcluster/protocol'
import { collectDefaultMetrics, Registry } from 'prom-client'
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

interface Lag {
  readonly labels: Labels
  readonly topic: string
  readonly messages: number
  /** The queues that hold messages not yet consumed, with the first such offset. */
  readonly behind: readonly (readonly [queueId: number, queueOffset: number])[]
}

/** How far each group is behind in each topic: only what has committed offsets, so idle topics cost nothing. */
function* lags(services: BrokerServices): Generator<Lag> {
  const { offsets, store, topics } = services
  for (const [topic, group, queues] of offsets.entries()) {
    if (!topics.get(topic)) continue
    let messages = 0
    const behind: [number, number][] = []
    for (const [queueId, queueOffset] of queues) {
      const from = Math.max(queueOffset, store.minOffset(topic, queueId))
      const lag = store.maxOffset(topic, queueId) - from
      if (lag <= 0) continue
      messages += lag
      behind.push([queueId, from])
    }
    const labels = {
      consumer_group: group,
      topic,
      is_retry: String(topic.startsWith('%RETRY%')),
      is_system: system(services, topic),
    }
    yield { labels, topic, messages, behind }
  }
}

/** Reads one message of each queue that is behind: the only metric that may touch the disk. */
async function lagLatencyMs({ store, world }: BrokerServices, { topic, behind }: Lag): Promise<number> {
  let oldest = Number.POSITIVE_INFINITY
  for (const [queueId, queueOffset] of behind) {
    const storedMs = await store.storeTimestampAt(topic, queueId, queueOffset).catch(() => -1)
    if (storedMs > 0) oldest = Math.min(oldest, storedMs)
  }
  return Number.isFinite(oldest) ? Math.max(0, world.clock.now() - oldest) : 0
}

const STORAGE = { storage_type: 'local', storage_medium: 'disk' }

const lower = (text: string) => text.toLowerCase()

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
        yield { labels: { topic, message_type: 'normal', is_system: system(services, topic) }, value: messages }
    },
  },
  {
    name: 'rocketmq_throughput_in_total',
    help: 'Bytes of the messages stored.',
    type: 'counter',
    *collect(services) {
      for (const [topic, { bytes }] of services.stats.in)
        yield { labels: { topic, message_type: 'normal', is_system: system(services, topic) }, value: bytes }
    },
  },
  {
    name: 'rocketmq_message_size',
    help: 'Size of the messages stored, in bytes.',
    type: 'histogram',
    *collect(services) {
      for (const [topic, { sizes }] of services.stats.in)
        yield* histogram(
          { topic, message_type: 'normal', is_system: system(services, topic) },
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
        [...lags(services)].map(async lag => ({ labels: lag.labels, value: await lagLatencyMs(services, lag) })),
      ),
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
