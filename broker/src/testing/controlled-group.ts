import { type BrokerOverrides, controllerConfig, namesrvConfig } from '@rocketcluster/config'
import { ControllerServer, MemoryRecordStore, type RecordStore, RecordStoreError } from '@rocketcluster/controller'
import { Nameserver } from '@rocketcluster/nameserver'
import { brokerRequests, ResponseError } from '@rocketcluster/protocol'
import { RemotingClient, TransportError } from '@rocketcluster/remoting'
import type { SimHost, Simulation } from '@rocketcluster/world/sim'
import { ControlledBroker } from '../controlled-broker.ts'
import { readQueue } from '../messaging/read-queue.ts'
import { PORT, settings } from './broker-fixture.ts'

const MIB = 1024 ** 2
const CONTROLLER_PORT = 19_876
export const GROUP = 'broker-a'

/** A name server, two controllers over one record store, and a group of brokers; each on a machine of its own. */
export class Group {
  readonly sim: Simulation
  readonly members: Member[] = []
  readonly records = new MemoryRecordStore()
  readonly client: RemotingClient
  readonly overrides: BrokerOverrides
  sent = 0
  readonly acknowledged: string[] = []
  /** Where each of them was said to be. */
  readonly offsets = new Map<string, number>()
  /** The chance that the record store fails, and that its answer is lost: 0 to 1. */
  readonly recordFaults = { fail: 0, lose: 0 }

  constructor(sim: Simulation, members: number, overrides: BrokerOverrides) {
    this.sim = sim
    this.overrides = overrides
    this.client = new RemotingClient(sim.host('client').world, {})
    for (let id = 1; id <= members; id++) this.members.push(new Member(this, id, sim.host(`b${id}`)))
  }

  async start(): Promise<void> {
    const { config } = namesrvConfig.parse('', {
      kvConfigPath: '/namesrv/kvConfig.json',
      configStorePath: '/namesrv/namesrv.properties',
    })
    await Nameserver.start(this.sim.host('ns').world, { config })
    for (const name of ['c1', 'c2'])
      await ControllerServer.start(this.sim.host(name).world, {
        config: controllerConfig.parse(`listenPort=${CONTROLLER_PORT}`).config,
        store: this.#faultyRecords(),
      })
    await Promise.all(this.members.map(member => member.start()))
  }

  /** What controllers see of the record store: it takes its time, fails, and sometimes does not say what became of a swap. */
  #faultyRecords(): RecordStore {
    const { sim, records, recordFaults: faults } = this
    const { random } = sim
    const slowly = async <T>(work: () => Promise<T>): Promise<T> => {
      await sim.sleep(1 + random.int(8))
      if (random.next() < faults.fail) throw new RecordStoreError('none', 'the record store is away')
      return work()
    }
    return {
      read: name => slowly(() => records.read(name)),
      list: () => slowly(() => records.list()),
      swap: (name, expected, next) =>
        slowly(async () => {
          if (random.next() >= faults.lose) return records.swap(name, expected, next)
          const fate = random.int(3)
          if (fate === 0) await records.swap(name, expected, next)
          // Still under way: it arrives when others have long read that it did not.
          if (fate === 1) void sim.sleep(random.int(3000)).then(() => records.swap(name, expected, next))
          throw new RecordStoreError('unknown', 'the answer was lost')
        }),
    }
  }

  async record() {
    return (await this.records.read(GROUP))?.record
  }

  get master(): Member | undefined {
    return this.members.find(({ broker }) => broker?.role.kind === 'master' && broker.ready)
  }

  async until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
    for (let i = 0; i < 1200; i++) {
      if (await done()) return
      await this.sim.sleep(50)
    }
    throw new Error(`${what} has not come in a minute`)
  }

  async masterIs(other: (member: Member) => boolean = () => true): Promise<Member> {
    await this.until('a master', () => this.master !== undefined && other(this.master))
    return this.master!
  }

  /** Sends one message to a member; resolves to whether it was acknowledged. */
  async send(to: Member): Promise<boolean> {
    const body = `m${this.sent++}`
    try {
      const { status, queueOffset } = await this.client.invoke(
        to.address,
        brokerRequests.sendMessageV2,
        {
          producerGroup: 'PG',
          topic: 'T',
          defaultTopic: 'TBW102',
          defaultTopicQueueNums: 1,
          queueId: 0,
          sysFlag: 0,
          bornTimestamp: 1,
          flag: 0,
          properties: '',
          reconsumeTimes: 0,
          unitMode: false,
          batch: false,
        },
        { body: Buffer.from(body), timeoutMs: 2000 },
      )
      if (status !== 'SUCCESS') return false
      this.acknowledged.push(body)
      this.offsets.set(body, queueOffset)
      return true
    } catch (error) {
      if (error instanceof ResponseError || error instanceof TransportError) return false
      throw error
    }
  }

  async sendMany(to: Member, count: number): Promise<number> {
    let taken = 0
    for (let i = 0; i < count; i++) if (await this.send(to)) taken++
    return taken
  }
}

export class Member {
  readonly id: number
  readonly host: SimHost
  readonly #group: Group
  broker: ControlledBroker | undefined

  constructor(group: Group, id: number, host: SimHost) {
    this.#group = group
    this.id = id
    this.host = host
  }

  get address(): string {
    return `${this.host.address}:${PORT}`
  }

  async start(machineBootId = 'boot-1'): Promise<void> {
    const { members, overrides } = this.#group
    this.broker = await ControlledBroker.start(this.host.world, {
      config: settings(this.host, {
        brokerName: GROUP,
        brokerId: this.id,
        namesrvAddr: 'ns:9876',
        enableControllerMode: true,
        controllerAddr: `c1:${CONTROLLER_PORT};c2:${CONTROLLER_PORT}`,
        totalReplicas: members.length,
        minInSyncReplicas: members.length < 3 ? 1 : 2,
        allAckInSyncStateSet: true,
        ...overrides,
      }),
      physicalMemoryBytes: 256 * MIB,
      machineBootId,
    })
  }

  kill(): void {
    this.broker = undefined
    this.host.crash()
  }

  powerCut(): void {
    this.broker = undefined
    this.host.powerCut()
  }

  async restart(machineBootId?: string): Promise<void> {
    this.host.restart()
    await this.start(machineBootId)
  }

  get store() {
    return this.broker!.current.services.store
  }

  async bodies(): Promise<string[]> {
    const bodies: string[] = []
    const { store } = this
    for (let at = store.minOffset('T', 0); at < store.maxOffset('T', 0); ) {
      const { messages, nextOffset } = await readQueue(store, 'T', 0, at, 32)
      bodies.push(...messages.map(({ storedBody }) => storedBody.toString()))
      at = nextOffset
    }
    return bodies
  }
}
