import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RouteRegistry } from './registry.ts'
import { DEFAULT_BROKER_CHANNEL_EXPIRED_TIME_MS, type RegisteredTopic } from './types.ts'

// The same rules once more over two flat lists that are searched from end to end, and the registry beside them.

interface Row {
  cluster: string
  name: string
  id: number
  addr: string
  state: number
  counter: number
  timeout: number
  last: number
  channel: object
}

interface Queue {
  topic: string
  name: string
  queues: number
  perm: number
}

interface Register {
  kind: 'register'
  cluster: string
  name: string
  id: number
  addr: string
  channel: number
  state: number
  counter: number
  acting: boolean | undefined
  timeout: number | undefined
  topics: { topic: string; queues: number; perm: number }[]
}

type Step =
  | Register
  | { kind: 'unregister' | 'heartbeat'; cluster: string; addr: string; channel: number; state: number | undefined }
  | { kind: 'close'; channel: number }
  | { kind: 'expire' }
  | { kind: 'wait'; ms: number }
  | { kind: 'wipe' | 'add'; name: string }
  | { kind: 'deleteTopic'; topic: string; cluster: string | undefined }

const CHANNELS = Array.from({ length: 4 }, (_, id) => ({ id }))
const TOPICS = ['T1', 'T2', 'T3']
const CLUSTERS = ['c', 'd']

class Model {
  rows: Row[] = []
  queues: Queue[] = []
  spoken: { channel: object; cluster: string; addr: string; state: number }[] = []
  groups: { name: string; cluster: string; acting: boolean }[] = []

  register(step: Register, now: number): void {
    const { cluster, name, id, addr, state, counter, acting, topics } = step
    const channel = CHANNELS[step.channel]!
    this.spoken.push({ channel, cluster, addr, state })
    const sameId = this.rows.find(row => row.name === name && row.id === id)
    const sameAddr = this.rows.find(row => row.cluster === cluster && row.addr === addr)
    for (const row of [sameId, sameAddr]) if (row && row.state > state && (row.id === 0 || row.addr !== addr)) return
    if (!sameId && topics.length === 1) return
    const unchanged =
      sameId !== undefined && sameId === sameAddr && sameId.state === state && sameId.counter === counter
    this.rows = this.rows.filter(row => row !== sameId && row !== sameAddr)
    const timeout = step.timeout ?? DEFAULT_BROKER_CHANNEL_EXPIRED_TIME_MS
    this.rows.push({ cluster, name, id, addr, state, counter, timeout, last: now, channel })
    this.groups = [...this.groups.filter(group => group.name !== name), { name, cluster, acting: acting === true }]
    this.forgetEmptyGroups()
    const smallest = Math.min(...this.rows.filter(row => row.name === name).map(row => row.id))
    if (id !== 0 && (acting === undefined || id !== smallest)) return
    for (const { topic, queues, perm } of topics) {
      const known = this.queues.some(queue => queue.topic === topic && queue.name === name)
      if (unchanged && known) continue
      this.queues = this.queues.filter(queue => queue.topic !== topic || queue.name !== name)
      this.queues.push({ topic, name, queues, perm: id !== 0 && acting ? perm & 5 : perm })
    }
  }

  counts(row: Row, channel: object, state: number | undefined): boolean {
    const same = this.spoken.filter(
      word => word.channel === channel && word.cluster === row.cluster && word.addr === row.addr,
    )
    return row.id !== 0 || (state ?? Math.max(0, ...same.map(word => word.state))) >= row.state
  }

  remove(gone: Row[]): void {
    for (const row of gone) {
      this.rows = this.rows.filter(other => other !== row)
      const group = this.groups.find(({ name }) => name === row.name)!
      const left = this.rows.filter(({ name }) => name === row.name)
      if (group.acting && !left.some(({ id }) => id === 0))
        this.queues = this.queues.map(queue => (queue.name === row.name ? { ...queue, perm: queue.perm & 5 } : queue))
    }
    this.forgetEmptyGroups()
  }

  forgetEmptyGroups(): void {
    this.groups = this.groups.filter(({ name }) => this.rows.some(row => row.name === name))
    this.queues = this.queues.filter(({ name }) => this.groups.some(group => group.name === name))
  }

  seen() {
    return {
      clusters: CLUSTERS.map(cluster =>
        this.groups
          .filter(group => group.cluster === cluster)
          .map(({ name }) => name)
          .sort(),
      ),
      groups: this.groups
        .map(({ name }) => name)
        .sort()
        .map(name => [name, members(this.rows.filter(row => row.name === name))]),
      queues: TOPICS.map(topic =>
        this.queues
          .filter(queue => queue.topic === topic)
          .map(({ name, queues, perm }) => `${name} ${queues} ${perm}`)
          .sort(),
      ),
      topicsOfCluster: CLUSTERS.map(cluster => {
        const names = this.groups.filter(group => group.cluster === cluster).map(({ name }) => name)
        return TOPICS.filter(topic => this.queues.some(queue => queue.topic === topic && names.includes(queue.name)))
      }),
      brokers: this.rows.length,
    }
  }
}

function members(rows: { id: number; addr: string }[]): string[] {
  return rows.map(({ id, addr }) => `${id} ${addr}`).sort()
}

function seen(routes: RouteRegistry) {
  const { brokerAddrTable, clusterAddrTable } = routes.clusterInfo()
  return {
    clusters: CLUSTERS.map(cluster => [...(clusterAddrTable.get(cluster) ?? [])].sort()),
    groups: [...brokerAddrTable.keys()].sort().map(name => {
      const addrs = brokerAddrTable.get(name)!.brokerAddrs
      return [name, members([...addrs].map(([id, addr]) => ({ id, addr })))]
    }),
    queues: TOPICS.map(topic =>
      (routes.routeOf(topic)?.queueDatas ?? []).map(
        queue => `${queue.brokerName} ${queue.readQueueNums} ${queue.perm}`,
      ),
    ),
    topicsOfCluster: CLUSTERS.map(cluster => routes.topicsOfCluster(cluster).sort()),
    brokers: routes.sizes.brokers,
  }
}

function registered({ topic, queues, perm }: Register['topics'][number]): RegisteredTopic {
  return { topicName: topic, readQueueNums: queues, writeQueueNums: queues, perm, topicSysFlag: 0 }
}

const cluster = fc.constantFrom(...CLUSTERS)
const name = fc.constantFrom('a', 'b')
const addr = fc.constantFrom('h:1', 'h:2', 'h:3')
const channel = fc.nat(CHANNELS.length - 1)
const state = fc.nat(2)
const topics = fc.uniqueArray(
  fc.record({ topic: fc.constantFrom(...TOPICS), queues: fc.nat(2), perm: fc.constantFrom(4, 6, 7) }),
  { selector: ({ topic }) => topic },
)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('register' as const),
      cluster,
      name,
      id: fc.nat(2),
      addr,
      channel,
      state,
      counter: fc.nat(1),
      acting: fc.constantFrom(true, false, undefined),
      timeout: fc.constantFrom(100, undefined),
      topics,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('unregister' as const, 'heartbeat' as const),
      cluster,
      addr,
      channel,
      state: fc.option(state, { nil: undefined }),
    }),
  },
  fc.record({ kind: fc.constant('close' as const), channel }),
  fc.record({ kind: fc.constant('expire' as const) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(60, 70_000) }),
  fc.record({ kind: fc.constantFrom('wipe' as const, 'add' as const), name }),
  fc.record({
    kind: fc.constant('deleteTopic' as const),
    topic: fc.constantFrom(...TOPICS),
    cluster: fc.option(cluster, { nil: undefined }),
  }),
)

test('whatever happens, the registry shows what a naive list of brokers and queues would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const routes = new RouteRegistry({ deleteTopicWithBrokerRegistration: false, supportActingMaster: false })
      const model = new Model()
      let now = 0
      for (const one of steps) {
        const before = { revision: routes.revision, seen: seen(routes) }
        now = take(one, routes, model, now)
        const after = seen(routes)
        expect(after).toEqual(model.seen())
        if (routes.revision === before.revision) expect(after).toEqual(before.seen)
      }
      for (const gone of CHANNELS) routes.channelClosed(gone)
      expect(routes.sizes).toEqual({ topics: 0, brokers: 0, groups: 0, clusters: 0 })
    }),
    { numRuns: 2000 },
  )
})

function take(one: Step, routes: RouteRegistry, model: Model, now: number): number {
  switch (one.kind) {
    case 'register':
      model.register(one, now)
      routes.register(
        {
          clusterName: one.cluster,
          brokerName: one.name,
          brokerAddr: one.addr,
          brokerId: one.id,
          haServerAddr: '',
          heartbeatTimeoutMs: one.timeout,
          enableActingMaster: one.acting,
          dataVersion: { stateVersion: one.state, timestamp: 0, counter: one.counter },
          topics: one.topics.map(registered),
          tableSize: one.topics.length,
          channel: CHANNELS[one.channel]!,
        },
        now,
      )
      break
    case 'unregister':
    case 'heartbeat': {
      const channel = CHANNELS[one.channel]!
      const row = model.rows.find(other => other.cluster === one.cluster && other.addr === one.addr)
      const counts = row !== undefined && model.counts(row, channel, one.state)
      const reference = { clusterName: one.cluster, brokerAddr: one.addr, channel, stateVersion: one.state }
      if (one.kind === 'unregister') {
        if (counts) model.remove([row])
        expect(routes.unregister(reference)?.brokerId).toBe(counts ? row.id : undefined)
      } else {
        if (counts) row.last = now
        expect(routes.heartbeat(reference, now)).toBe(counts)
      }
      break
    }
    case 'close': {
      const channel = CHANNELS[one.channel]!
      model.remove(model.rows.filter(row => row.channel === channel))
      model.spoken = model.spoken.filter(word => word.channel !== channel)
      routes.channelClosed(channel)
      break
    }
    case 'expire':
      model.remove(model.rows.filter(row => row.last + row.timeout < now))
      routes.expire(now)
      break
    case 'wait':
      return now + one.ms
    case 'wipe':
    case 'add': {
      const mine = model.queues.filter(queue => queue.name === one.name)
      for (const queue of mine) queue.perm = one.kind === 'wipe' ? queue.perm & 5 : 6
      expect(one.kind === 'wipe' ? routes.wipeWritePerm(one.name) : routes.addWritePerm(one.name)).toBe(mine.length)
      break
    }
    case 'deleteTopic': {
      const names = model.groups
        .filter(group => one.cluster === undefined || group.cluster === one.cluster)
        .map(({ name }) => name)
      model.queues = model.queues.filter(queue => queue.topic !== one.topic || !names.includes(queue.name))
      routes.deleteTopic(one.topic, one.cluster)
    }
  }
  return now
}
