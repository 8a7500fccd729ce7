import { AUTO_CREATE_TOPIC_KEY_TOPIC, nameserverRequests, sendMessageV2 } from '@rocketcluster/protocol'
import { RemotingClient } from '@rocketcluster/remoting'
import { type LogLine, Simulation } from '@rocketcluster/world/sim'
import {
  differsFromRebuild,
  forgottenTopics,
  holes,
  invented,
  lost,
  outOfOrder,
  reused,
  skipped,
  undelivered,
  type Violation,
} from './checks.ts'
import { Cluster, type Member } from './cluster.ts'
import { pickFault, type Struck } from './faults.ts'
import { History, type Stored } from './history.ts'
import { FIRST_TOPIC, Load } from './load.ts'
import { bodyOf } from './message-body.ts'
import { type Plan, planOf } from './plan.ts'
import { storedBy } from './stored.ts'

/** What a seed led to. */
export interface Outcome {
  readonly seed: number
  readonly plan: Plan
  readonly history: History
  /** None when every promise was kept. */
  readonly violations: readonly Violation[]
  /** Equal for two runs of one seed. */
  readonly traceHash: number
  readonly virtualMs: number
}

/** After the last fault, in virtual time: a broker serves and every name server knows it. */
const RETURN_MS = 20_000
/** The group has everything; a stock consumer may need a rebalance, a route poll and a connection's time-out for it. */
const CATCH_UP_MS = 120_000
/** A SIGTERM is obeyed. */
const STOP_MS = 15_000
const POLL_MS = 100

/** Plays one seed to its end. Never rejects: what breaks is a violation. */
export async function runSeed(seed: number): Promise<Outcome> {
  const history = new History()
  const sim = new Simulation(seed, {
    maxVirtualMs: 600_000,
    maxEvents: 3_000_000,
    onLog: line => remember(history, line),
  })
  const plan = planOf(sim.random.fork('plan'))
  const run = new Run(sim, plan, history)
  let violations: Violation[]
  try {
    violations = await sim.run(() => run.play())
  } catch (error) {
    violations = [`broken: ${(error as Error).stack ?? error}`]
  }
  return { seed, plan, history, violations, traceHash: sim.traceHash, virtualMs: sim.nowMs }
}

/** Servers speak of what matters as warnings and errors; each sentence is a state that may be rare. */
function remember(history: History, { atMs, host, level, message, fields }: LogLine): void {
  if (level === 'debug') return
  history.count(`${host.replace(/-[a-z0-9]+$/, '')} ${level}: ${message.replace(/[0-9]+/g, 'N').slice(0, 100)}`)
  if (level === 'info') return
  const { error } = fields as { error?: unknown }
  const why = error === undefined ? '' : `: ${error instanceof Error ? error.message : String(error)}`
  history.events.push({ atMs, kind: 'log', text: `${host} ${level}: ${message}${why}` })
}

class Run {
  readonly #sim: Simulation
  readonly #plan: Plan
  readonly #history: History
  readonly #cluster: Cluster
  readonly #load: Load
  readonly #violations: Violation[] = []
  readonly #active = new Set<Struck>()
  #probes = 0

  constructor(sim: Simulation, plan: Plan, history: History) {
    this.#sim = sim
    this.#plan = plan
    this.#history = history
    this.#cluster = new Cluster(sim, plan, history)
    this.#load = new Load(sim, plan, history, this.#cluster)
  }

  async play(): Promise<Violation[]> {
    await this.#cluster.start()
    await this.#load.start()
    await this.#trouble()
    this.#peace()
    await this.#everythingReturns()
    this.#cluster.note('everything is back')
    await this.#load.stopProducing()
    this.#cluster.note('the producers have stopped')
    await this.#within(CATCH_UP_MS, () => this.#load.missing().length === 0)
    this.#cluster.note('the group has all it will get')
    await this.#load.stop()
    this.#cluster.note('the clients have stopped')
    await this.#stopBrokers()
    await this.#judge()
    return this.#violations
  }

  async #trouble(): Promise<void> {
    const random = this.#sim.random.fork('faults')
    const { troubleMs, faultEveryMs, flushDiskType } = this.#plan
    const endMs = this.#sim.nowMs + troubleMs
    while (this.#sim.nowMs < endMs) {
      await this.#sim.sleep(random.next() * 2 * faultEveryMs)
      const fault = pickFault(random, flushDiskType)
      const struck = fault.strike({ cluster: this.#cluster, load: this.#load, random })
      if (!struck) continue
      this.#history.count(`fault: ${fault.name}`)
      this.#cluster.note(struck.text, 'fault')
      if (!struck.end) continue
      this.#active.add(struck)
      const lastsMs = random.pick([50, 500, 3000, 8000]) * random.next()
      void this.#sim.sleep(lastsMs).then(() => this.#end(struck))
    }
  }

  #end(struck: Struck): void {
    if (!this.#active.delete(struck)) return
    this.#cluster.note(`over: ${struck.text}`, 'fault')
    struck.end?.()
  }

  #peace(): void {
    for (const struck of [...this.#active]) this.#end(struck)
    this.#sim.network.heal()
    this.#cluster.note('no more faults', 'fault')
  }

  async #within(timeoutMs: number, holds: () => boolean | Promise<boolean>): Promise<boolean> {
    const endMs = this.#sim.nowMs + timeoutMs
    while (!(await holds())) {
      if (this.#sim.nowMs > endMs) return false
      await this.#sim.sleep(POLL_MS)
    }
    return true
  }

  /** Asked by a machine that was there all the time and knows the addresses: no client's caution is in the way. */
  async #everythingReturns(): Promise<void> {
    const { world } = this.#sim.host('probe')
    const client = new RemotingClient(world, {})
    const { brokers, nameServers } = this.#cluster
    await Promise.all([
      ...brokers.map(async broker => {
        if (!(await this.#within(RETURN_MS, () => this.#serves(client, broker))))
          this.#violations.push(`return: ${broker.name} does not take a message ${RETURN_MS} ms after the last fault`)
      }),
      ...nameServers.map(async server => {
        if (!(await this.#within(RETURN_MS, () => this.#knowsAll(client, server))))
          this.#violations.push(
            `return: ${server.name} does not know every broker ${RETURN_MS} ms after the last fault`,
          )
      }),
    ])
    await client.close()
  }

  async #serves(client: RemotingClient, broker: Member<unknown>): Promise<boolean> {
    const id = `probe-${this.#probes++}`
    this.#history.sent.add(id)
    const reply = await client
      .invoke(
        this.#cluster.address(broker as never),
        sendMessageV2,
        {
          producerGroup: 'Probe',
          topic: FIRST_TOPIC,
          defaultTopic: AUTO_CREATE_TOPIC_KEY_TOPIC,
          defaultTopicQueueNums: 2,
          queueId: 0,
          sysFlag: 0,
          bornTimestamp: 0,
          flag: 0,
          properties: '',
          reconsumeTimes: 0,
          unitMode: false,
          batch: false,
        },
        { body: Buffer.from(bodyOf(id, 50)), timeoutMs: 2000 },
      )
      .catch(() => undefined)
    return reply?.status === 'SUCCESS'
  }

  async #knowsAll(client: RemotingClient, server: Member<unknown>): Promise<boolean> {
    const reply = await client
      .invoke(
        `${server.host.address}:9876`,
        nameserverRequests.getRouteinfoByTopic,
        { topic: FIRST_TOPIC },
        { timeoutMs: 2000 },
      )
      .catch(() => undefined)
    const known = new Set(reply?.body?.brokerDatas.map(({ brokerName }) => brokerName))
    return this.#cluster.brokers.every(({ name }) => known.has(name))
  }

  async #stopBrokers(): Promise<void> {
    this.#cluster.stop()
    for (const broker of this.#cluster.brokers) {
      const { program } = broker
      if (!program) continue
      let state = 'does not stop'
      void program.stop().then(
        () => (state = 'stopped'),
        error => (state = `stops badly: ${(error as Error).message}`),
      )
      await this.#within(STOP_MS, () => state !== 'does not stop')
      if (state !== 'stopped') this.#violations.push(`stop: ${broker.name} ${state}`)
    }
  }

  async #judge(): Promise<void> {
    const { acked, delivered, created, sent } = this.#history
    const stored: Stored[] = []
    const topics = new Map<string, Set<string>>()
    for (const broker of this.#cluster.brokers) {
      const known = broker.program?.services.topics.all() ?? []
      topics.set(broker.name, new Set([...known].map(({ topicName }) => topicName)))
      const { kept, rebuilt } = await storedBy(broker.host.restart(), this.#cluster.brokerConfig(broker))
      stored.push(...kept)
      this.#violations.push(...differsFromRebuild(kept, rebuilt))
    }
    const used = acked.map(({ brokerName, topic }) => ({ brokerName, topic }))
    this.#violations.push(
      ...lost(acked, stored),
      ...reused(acked, delivered, stored),
      ...outOfOrder(acked),
      ...holes(stored),
      ...skipped(delivered),
      ...undelivered(acked, delivered),
      ...invented(sent, [...delivered, ...stored]),
      ...forgottenTopics([...created, ...used], topics),
    )
    this.#history.count('state: delivered again', delivered.length - new Set(delivered.map(({ id }) => id)).size)
    this.#history.count('state: stored twice by a retry', stored.length - new Set(stored.map(({ id }) => id)).size)
  }
}
