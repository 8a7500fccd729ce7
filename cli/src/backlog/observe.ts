import type { Admin, QueueTable } from '@rocketcluster/client'
import type { ConsumerRunningInfo, OffsetWrapper } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import { lagOf, type Observed, type QueueObserved } from './diagnose.ts'
import { reliefNames } from './relief-names.ts'

const READ = 4
/** So many members are asked what they do; each costs a request that a broker hands on. */
const MAX_ASKED = 50

export interface Wanted {
  readonly topic: string | undefined
  readonly group: string | undefined
  /** Between the two looks from which rates come. */
  readonly seconds: number
}

type Stats = QueueTable<OffsetWrapper>

/** Looks twice at the groups meant, and closer at those that are behind. Groups without a backlog come with their queues only. */
export async function observe(admin: Admin, world: World, wanted: Wanted): Promise<Observed[]> {
  const groups = await groupsMeant(admin, wanted)
  const first = await progressOf(admin, groups, wanted.topic)
  await world.clock.sleep(wanted.seconds * 1000)
  const second = await progressOf(admin, groups, wanted.topic)
  const cluster = await clusterState(admin)
  const observed = await Promise.all(
    [...second].flatMap(([group, stats]) =>
      [...Map.groupBy(stats, ({ messageQueue }) => messageQueue.topic)].map(([topic, queues]) =>
        observeOne(admin, cluster, { topic, group, seconds: wanted.seconds }, queues, first.get(group) ?? []),
      ),
    ),
  )
  return observed.filter(({ queues }) => queues.length > 0)
}

async function groupsMeant(admin: Admin, { topic, group }: Wanted): Promise<string[]> {
  if (group !== undefined) return [group]
  if (topic !== undefined) return admin.consumerGroupsOf(topic)
  const tables = await Promise.all((await admin.masters()).map(address => admin.subscriptionGroups(address)))
  const { isSystemGroup } = await import('@rocketcluster/protocol')
  return [...new Set(tables.flatMap(table => [...table.keys()]))].filter(name => !isSystemGroup(name)).toSorted()
}

async function progressOf(
  admin: Admin,
  groups: readonly string[],
  topic: string | undefined,
): Promise<Map<string, Stats>> {
  const progress = new Map<string, Stats>()
  for (const group of groups) progress.set(group, (await admin.consumeStats(group, topic)).offsets)
  return progress
}

interface ClusterState {
  readonly admin: Admin
  readonly topics: ReadonlySet<string>
  /** Brokers on which a group is switched off, by group. */
  readonly paused: ReadonlyMap<string, readonly string[]>
  readonly addressOf: ReadonlyMap<string, string>
}

async function clusterState(admin: Admin): Promise<ClusterState> {
  const [{ brokerAddrTable }, topics] = await Promise.all([admin.clusterInfo(), admin.topicList()])
  const paused = new Map<string, string[]>()
  const addressOf = new Map<string, string>()
  for (const [brokerName, { brokerAddrs }] of brokerAddrTable) {
    const address = brokerAddrs.get(0)
    if (address === undefined) continue
    addressOf.set(brokerName, address)
    for (const [group, { consumeEnable }] of await admin.subscriptionGroups(address))
      if (!consumeEnable) paused.set(group, [...(paused.get(group) ?? []), brokerName])
  }
  return { admin, topics: new Set(topics), paused, addressOf }
}

async function observeOne(
  admin: Admin,
  cluster: ClusterState,
  about: { topic: string; group: string; seconds: number },
  now: Stats,
  before: Stats,
): Promise<Observed> {
  const { topic, group } = about
  const isBehind = now.some(row => lagOf({ maxOffset: row.brokerOffset, consumerOffset: row.consumerOffset }) > 0)
  const [members, minOffsets, waiting] = isBehind
    ? await Promise.all([membersOf(cluster, now, about), minOffsetsOf(admin, topic), waitingOf(admin, about)])
    : [NOBODY, new Map<string, number>(), new Map<string, number>()]
  const temporaryTopic = reliefNames(topic, group).temporaryTopic
  const brokers = [...new Set(now.map(({ messageQueue }) => messageQueue.brokerName))]
  const queues = now.map((row): QueueObserved => {
    const { brokerName, queueId } = row.messageQueue
    const key = `${brokerName}:${queueId}`
    const earlier = before.find(
      ({ messageQueue }) =>
        messageQueue.topic === topic && `${messageQueue.brokerName}:${messageQueue.queueId}` === key,
    )
    return {
      brokerName,
      queueId,
      minOffset: minOffsets.get(key),
      maxOffset: row.brokerOffset,
      consumerOffset: row.consumerOffset,
      consumed: Math.max(0, row.consumerOffset - (earlier?.consumerOffset ?? row.consumerOffset)),
      arrived: Math.max(0, row.brokerOffset - (earlier?.brokerOffset ?? row.brokerOffset)),
      waitingMs: waiting.get(key),
      owner: members.owners.get(key),
    }
  })
  return {
    ...about,
    queues,
    members: members.ids,
    subscribed: members.subscribed,
    pausedOn: (cluster.paused.get(group) ?? []).filter(brokerName => brokers.includes(brokerName)),
    unreadableOn: isBehind ? await unreadableOn(cluster, topic, brokers) : [],
    consumeMs: members.consumeMs,
    failedPerSecond: members.failedPerSecond,
    reliefTopic: cluster.topics.has(temporaryTopic) ? temporaryTopic : undefined,
  }
}

interface Members {
  readonly ids: readonly string[]
  readonly subscribed: boolean | undefined
  readonly owners: ReadonlyMap<string, { clientId: string; held: number; locked: boolean }>
  readonly consumeMs: number | undefined
  readonly failedPerSecond: number | undefined
}
const NOBODY: Members = {
  ids: [],
  subscribed: undefined,
  owners: new Map(),
  consumeMs: undefined,
  failedPerSecond: undefined,
}

async function membersOf(
  { admin, addressOf }: ClusterState,
  queues: Stats,
  { topic, group }: { topic: string; group: string },
): Promise<Members> {
  const brokers = [...new Set(queues.map(({ messageQueue }) => messageQueue.brokerName))]
  const address = brokers.map(name => addressOf.get(name)).find(found => found !== undefined)
  if (address === undefined) return NOBODY
  let connections: Awaited<ReturnType<Admin['consumerConnections']>>
  try {
    connections = await admin.consumerConnections(group, address)
  } catch (error) {
    // Nobody is connected: that is an answer.
    if ((error as { status?: string }).status === 'CONSUMER_NOT_ONLINE') return NOBODY
    throw error
  }
  const ids = [...connections.connectionSet].flatMap(({ clientId }) => clientId ?? [])
  const infos = new Map<string, ConsumerRunningInfo>()
  await Promise.all(
    ids.slice(0, MAX_ASKED).map(async clientId => {
      // Old clients, and those of some languages, do not answer: what is known without them is shown.
      const info = await admin.consumerRunningInfo(group, clientId, address).catch(() => undefined)
      if (info) infos.set(clientId, info)
    }),
  )
  const owners = new Map<string, { clientId: string; held: number; locked: boolean }>()
  for (const [clientId, { mqTable }] of infos)
    for (const [queue, { droped, cachedMsgCount, locked }] of mqTable)
      if (queue.topic === topic && !droped)
        owners.set(`${queue.brokerName}:${queue.queueId}`, { clientId, held: cachedMsgCount, locked })
  const statuses = [...infos.values()].flatMap(({ statusTable }) => statusTable.get(topic) ?? [])
  const working = statuses.filter(({ consumeRT }) => consumeRT > 0)
  return {
    ids,
    subscribed: connections.subscriptionTable.has(topic),
    owners,
    consumeMs:
      working.length > 0 ? working.reduce((sum, { consumeRT }) => sum + consumeRT, 0) / working.length : undefined,
    failedPerSecond:
      statuses.length > 0 ? statuses.reduce((sum, { consumeFailedTPS }) => sum + consumeFailedTPS, 0) : undefined,
  }
}

async function minOffsetsOf(admin: Admin, topic: string): Promise<Map<string, number>> {
  const stats = await admin.topicStats(topic)
  return new Map(
    stats.map(({ messageQueue, minOffset }) => [`${messageQueue.brokerName}:${messageQueue.queueId}`, minOffset]),
  )
}

async function waitingOf(
  admin: Admin,
  { topic, group }: { topic: string; group: string },
): Promise<Map<string, number>> {
  const spans = await admin.consumeTimeSpan(group, topic)
  return new Map(
    spans.flatMap(({ messageQueue, delayTime }) =>
      messageQueue && delayTime > 0 ? [[`${messageQueue.brokerName}:${messageQueue.queueId}`, delayTime]] : [],
    ),
  )
}

async function unreadableOn(
  { admin, addressOf }: ClusterState,
  topic: string,
  brokers: readonly string[],
): Promise<string[]> {
  const found: string[] = []
  for (const brokerName of brokers) {
    const address = addressOf.get(brokerName)
    if (address === undefined) continue
    const { perm } = await admin.topicConfig(address, topic)
    if ((perm & READ) === 0) found.push(brokerName)
  }
  return found
}
