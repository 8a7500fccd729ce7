import { Broker } from '@rocketcluster/broker'
import { type BrokerConfig, brokerConfig, namesrvConfig } from '@rocketcluster/config'
import { Nameserver } from '@rocketcluster/nameserver'
import type { SimHost, Simulation } from '@rocketcluster/world/sim'
import type { History } from './history.ts'
import type { Plan } from './plan.ts'

export const NAME_SERVERS = ['ns-1', 'ns-2'] as const
export const NAME_SERVER_LIST = NAME_SERVERS.map(name => `${name}:9876`).join(';')
export const STORE_DIRECTORY = '/store'
const CLUSTER = 'DefaultCluster'
const BROKER_PORT = 10_911
const MIB = 1024 ** 2
export const DISK_BYTES = 8 * MIB
/** How long a supervisor waits before it starts again what did not start. */
const RESTART_AGAIN_MS = 500
/** How long it lets a broker live that takes no messages although nothing is wrong with its machine any more. */
const UNWRITABLE_MS = 5000

/** A program of the cluster and the machine it runs on. */
export interface Member<Program> {
  readonly name: string
  readonly host: SimHost
  /** How long its disk takes; changed in place by a fault. */
  readonly latency: { io: [number, number]; sync: [number, number] }
  /** Absent while it is down or still starting. */
  program: Program | undefined
  /** Down on purpose: nobody starts it. */
  held: boolean
  /** Counts starts, so that what is left of an earlier life can tell. */
  life: number
  unwritableSinceMs: number | undefined
}

export const NORMAL_LATENCY = { io: [0.01, 0.2], sync: [0.1, 3] } as const

/** Name servers and brokers on their machines, with a supervisor that starts what is down and not held down. */
export class Cluster {
  readonly sim: Simulation
  readonly plan: Plan
  readonly history: History
  readonly nameServers: readonly Member<Nameserver>[]
  readonly brokers: readonly Member<Broker>[]
  #stopped = false

  constructor(sim: Simulation, plan: Plan, history: History) {
    this.sim = sim
    this.plan = plan
    this.history = history
    const member = (name: string): Member<never> => {
      const latency: Member<never>['latency'] = { io: [...NORMAL_LATENCY.io], sync: [...NORMAL_LATENCY.sync] }
      const host = sim.host(name, { diskBytes: DISK_BYTES, diskLatency: latency })
      return { name, host, latency, program: undefined, held: false, life: 0, unwritableSinceMs: undefined }
    }
    this.nameServers = NAME_SERVERS.map(member)
    this.brokers = ['broker-a', 'broker-b'].slice(0, plan.brokers).map(member)
  }

  note(text: string, kind: 'fault' | 'cluster' = 'cluster'): void {
    this.history.events.push({ atMs: this.sim.nowMs, kind, text })
  }

  async start(): Promise<void> {
    await Promise.all(this.nameServers.map(server => this.#startNameServer(server)))
    await Promise.all(this.brokers.map(broker => this.#startBroker(broker)))
    void this.#supervise()
  }

  /** Starts what is down, as a kubelet does, until the end of the run. */
  async #supervise(): Promise<void> {
    const busy = new Set<string>()
    const keep = <P>(member: Member<P>, start: (member: Member<P>) => Promise<void>) => {
      if (member.program || member.held || busy.has(member.name)) return
      busy.add(member.name)
      void start(member).finally(() => busy.delete(member.name))
    }
    while (!this.#stopped) {
      for (const server of this.nameServers) keep(server, member => this.#startNameServer(member))
      for (const broker of this.brokers) {
        keep(broker, member => this.#startBroker(member))
        this.#restartWhenReadOnly(broker)
      }
      await this.sim.sleep(RESTART_AGAIN_MS)
    }
  }

  /** A log that failed for good (EIO) takes no messages until the process starts again: somebody has to do that. */
  #restartWhenReadOnly(member: Member<Broker>): void {
    const writable = member.program?.services.store.writable
    // A full disk is not helped by a restart.
    if (!writable || writable.ok || writable.reason.includes('full')) {
      member.unwritableSinceMs = undefined
      return
    }
    member.unwritableSinceMs ??= this.sim.nowMs
    if (this.sim.nowMs - member.unwritableSinceMs < UNWRITABLE_MS || member.held) return
    this.history.count('state: broker restarted because it stayed read-only')
    this.note(`${member.name} is restarted: it stays read-only (${writable.reason})`)
    this.kill(member)
  }

  async #startNameServer(member: Member<Nameserver>): Promise<void> {
    const { host } = member
    const life = ++member.life
    const world = host.isRunning && life === 1 ? host.world : host.restart()
    const { config } = namesrvConfig.parse('', {
      kvConfigPath: '/namesrv/kvConfig.json',
      configStorePath: '/namesrv/namesrv.properties',
    })
    await this.#start(member, life, Nameserver.start(world, { config }))
  }

  async #startBroker(member: Member<Broker>): Promise<void> {
    const { host } = member
    const life = ++member.life
    const world = host.isRunning && life === 1 ? host.world : host.restart()
    const startedMs = this.sim.nowMs
    const options = { config: this.brokerConfig(member), physicalMemoryBytes: 256 * MIB }
    await this.#start(member, life, Broker.start(world, options))
    if (member.program && this.sim.nowMs - startedMs > 1000) this.history.count('state: broker start took over 1 s')
  }

  async #start<P>(member: Member<P>, life: number, starting: Promise<P>): Promise<void> {
    // The machine may lose power while the program starts: then nothing it waits for ever comes.
    const gone = (async () => {
      while (member.life === life && member.host.isRunning) await this.sim.sleep(100)
      return undefined
    })()
    try {
      const program = await Promise.race([starting, gone])
      if (member.life !== life || !program) return
      member.program = program
      this.note(`${member.name} is up`)
    } catch (error) {
      this.history.count('state: start failed')
      this.note(`${member.name} does not start: ${(error as Error).message}`)
      if (member.life === life) member.host.crash()
    }
  }

  brokerConfig({ name, host }: Pick<Member<unknown>, 'name' | 'host'>): BrokerConfig {
    return brokerConfig.parse('', {
      brokerClusterName: CLUSTER,
      brokerName: name,
      brokerIP1: host.address,
      brokerIP2: host.address,
      listenPort: BROKER_PORT,
      namesrvAddr: NAME_SERVER_LIST,
      storePathRootDir: STORE_DIRECTORY,
      brokerConfigPath: '/broker.conf',
      flushDiskType: this.plan.flushDiskType,
      // Small, so that files end and are recovered in the short life of a run.
      maxMessageSize: 8192,
      mappedFileSizeCommitLog: 96 * 1024,
      mappedFileSizeConsumeQueue: 20 * 50,
      maxHashSlotNum: 50,
      maxIndexNum: 200,
      storeHotTailBytes: 8 * MIB,
      flushIntervalCommitLog: 100,
      flushIntervalConsumeQueue: 150,
      flushConsumerOffsetInterval: 500,
      cleanFileForciblyEnable: false,
      registerBrokerTimeoutMills: 3000,
      shutdownWaitTimeSeconds: 3,
    }).config
  }

  address({ host }: Member<Broker>): string {
    return `${host.address}:${BROKER_PORT}`
  }

  /** kill -9 */
  kill(member: Member<unknown>): void {
    member.program = undefined
    member.life++
    member.host.crash()
  }

  powerCut(member: Member<unknown>): void {
    member.program = undefined
    member.life++
    member.host.powerCut()
  }

  /** SIGTERM: the program leaves by itself, or is killed when that takes too long. */
  async terminate(member: Member<Broker> | Member<Nameserver>): Promise<void> {
    const { program, life } = member
    if (!program) return
    member.program = undefined
    const left = await Promise.race([
      program.stop().then(
        () => 'left',
        error => `left badly: ${(error as Error).message}`,
      ),
      this.sim.sleep(30_000).then(() => 'did not leave within 30 s'),
    ])
    if (member.life !== life) return
    this.note(`${member.name} ${left}`)
    this.kill(member)
  }

  stop(): void {
    this.#stopped = true
  }
}
