/**
 * A group in the simulator: real controllers behind real connections over one faulty record store, and members that obey them
 * as DESIGN says, with logs of numbers instead of messages. It checks the promises at every change of the record.
 */
import { controllerConfig } from '@rocketcluster/config'
import { brokerRequests, controllerRequests, groupRecord, ResponseError } from '@rocketcluster/protocol'
import { RemotingClient } from '@rocketcluster/remoting'
import type { Timer, World } from '@rocketcluster/world'
import type { SimHost, Simulation } from '@rocketcluster/world/sim'
import { ControllerServer } from '../controller-server.ts'
import { MemoryRecordStore } from '../record-store/memory-record-store.ts'
import { type RecordStore, RecordStoreError, type Swapped } from '../record-store/record-store.ts'
import { type GroupRecord, memberOf } from '../state/index.ts'

export const GROUP = 'broker-a'
const CLUSTER = 'cluster'
const BEAT_MS = 1000
const LINK_MS = 100
const HEARD_MS = 2000
const PORT = 19876

/** How badly the record store behaves: chances from 0 to 1. */
export interface StoreFaults {
  /** The swap fails and is known to have failed, or a read fails. */
  fail: number
  /** The swap's answer is lost: it happened, did not, or happens later. */
  lose: number
}

/** What the disk of a member holds. */
interface Disk {
  storeId: string
  epoch: number
  logEpoch: number
  view: GroupRecord | undefined
  /** Numbers of writes, in order. */
  log: number[]
}

export class SimGroup {
  readonly sim: Simulation
  readonly store = new MemoryRecordStore()
  readonly faults: StoreFaults = { fail: 0, lose: 0 }
  readonly controllers: SimHost[] = []
  readonly members: SimMember[] = []
  readonly acknowledged = new Set<number>()
  /** `recordId/epoch` to the process that acted as its master. */
  readonly masters = new Map<string, string>()
  /** Sentences on promises that were broken. */
  readonly broken: string[] = []
  readonly counts = { elections: 0, changes: 0, lostAnswers: 0, conflicts: 0, formed: 0, mayLose: 0 }
  nextWrite = 0

  constructor(sim: Simulation, controllers: number, members: number) {
    this.sim = sim
    for (let i = 1; i <= controllers; i++) this.controllers.push(sim.host(`c${i}`))
    for (let i = 1; i <= members; i++) this.members.push(new SimMember(this, i, sim.host(`b${i}`)))
  }

  async start(): Promise<void> {
    for (const host of this.controllers) await this.startController(host)
    for (const member of this.members) member.start()
  }

  async startController(host: SimHost): Promise<void> {
    const { config } = controllerConfig.parse(`listenPort=${PORT}\nlogLevel=error`)
    await ControllerServer.start(host.world, {
      config,
      store: this.#faultyStore(host.world),
      onEvent: event => {
        if (event.kind === 'changed' && event.mayLose) this.counts.mayLose++
        if (event.kind === 'store' && event.outcome === 'conflict') this.counts.conflicts++
      },
    })
  }

  async record(): Promise<GroupRecord | undefined> {
    return (await this.store.read(GROUP))?.record
  }

  /** The record is deleted, as by hand. */
  async deleteRecord(): Promise<void> {
    const stored = await this.store.read(GROUP)
    if (stored) await this.store.swap(GROUP, stored.version, undefined)
  }

  #faultyStore(world: World): RecordStore {
    const { sim, store, faults, counts } = this
    const { random } = sim
    const pause = () => world.clock.sleep(1 + random.int(8))
    const maybeFail = () => {
      if (random.next() < faults.fail) throw new RecordStoreError('none', 'the record store is away')
    }
    const swap = async (
      name: string,
      expected: string | undefined,
      next: GroupRecord | undefined,
    ): Promise<Swapped> => {
      const swapped = await store.swap(name, expected, next)
      if (swapped !== 'conflict') this.#check(next)
      return swapped
    }
    return {
      async read(name) {
        await pause()
        maybeFail()
        const stored = await store.read(name)
        await pause()
        return stored
      },
      async swap(name, expected, next) {
        await pause()
        maybeFail()
        if (random.next() < faults.lose) {
          counts.lostAnswers++
          const fate = random.int(3)
          if (fate === 0) await swap(name, expected, next)
          // Still under way: it arrives when others have long read that it did not.
          if (fate === 1) void sim.sleep(random.int(3000)).then(() => swap(name, expected, next))
          throw new RecordStoreError('unknown', 'the answer was lost')
        }
        const swapped = await swap(name, expected, next)
        await pause()
        return swapped
      },
      async list() {
        await pause()
        maybeFail()
        return store.list()
      },
    }
  }

  /** Every promise that a record makes, at the moment it comes into force. */
  #check(record: GroupRecord | undefined): void {
    this.counts.changes++
    if (!record) return
    for (const brokerId of record.syncStateSet) {
      const { disk } = this.members[brokerId - 1]!
      if (memberOf(record, brokerId)?.storeId !== disk.storeId) continue
      const has = new Set(disk.log)
      const lacking = [...this.acknowledged].filter(write => !has.has(write))
      if (lacking.length > 0)
        this.broken.push(
          `broker ${brokerId} is in the set of epoch ${record.masterEpoch} (${record.change}) without ${lacking.length} acknowledged writes, the first ${lacking[0]}`,
        )
    }
  }

  became(record: GroupRecord, brokerId: number, processId: string): void {
    const key = `${record.recordId}/${record.masterEpoch}`
    const other = this.masters.get(key)
    if (other !== undefined && other !== processId)
      this.broken.push(`epoch ${key} has two masters: ${other} and ${processId} of broker ${brokerId}`)
    if (other === undefined) this.counts.elections++
    this.masters.set(key, processId)
  }
}

/** A member: its host, its disk, and the process that runs on it. */
export class SimMember {
  readonly id: number
  readonly host: SimHost
  disk: Disk
  readonly #group: SimGroup
  #process: MemberProcess | undefined
  #wipes = 0

  constructor(group: SimGroup, id: number, host: SimHost) {
    this.#group = group
    this.id = id
    this.host = host
    this.disk = this.#emptyDisk()
  }

  get process(): MemberProcess | undefined {
    return this.host.isRunning ? this.#process : undefined
  }

  start(): void {
    this.#process = new MemberProcess(this.#group, this, this.host.world)
    this.#process.start()
  }

  crash(): void {
    this.#process = undefined
    this.host.crash()
  }

  /** The process is dead; a new one starts on what the disk holds. */
  restart(): void {
    this.host.restart()
    this.start()
  }

  wipe(): void {
    this.#wipes++
    this.disk = this.#emptyDisk()
  }

  #emptyDisk(): Disk {
    return { storeId: `store-${this.id}-${this.#wipes}`, epoch: 0, logEpoch: 0, view: undefined, log: [] }
  }
}

class MemberProcess {
  readonly #group: SimGroup
  readonly #member: SimMember
  readonly #world: World
  readonly #client: RemotingClient
  readonly #timers: Timer[] = []
  readonly #registering = new Set<string>()
  processId: string
  #promised: string | undefined
  #promisedMs = 0
  /** The epoch it acts as master of. */
  acting = 0
  #heard: { epoch: number; atMs: number } | undefined
  #toldHeard: number | undefined
  /** By broker id: how much of the log it confirmed, and when it last answered. */
  #confirmed = new Map<number, { storeId: string; writes: number; atMs: number }>()
  #pending: readonly number[] | undefined
  #altering = false

  constructor(group: SimGroup, member: SimMember, world: World) {
    this.#group = group
    this.#member = member
    this.#world = world
    this.processId = this.#newId()
    this.#client = new RemotingClient(world, {})
    this.#client.handle(brokerRequests.notifyBrokerRoleChanged, ({ record }) => {
      if (record !== undefined) this.#learn(groupRecord.parse(record))
      return {}
    })
  }

  #newId(): string {
    return `p${this.#member.id}-${Buffer.from(this.#world.random.bytes(4)).toString('hex')}`
  }

  start(): void {
    const { random } = this.#world
    this.#timers.push(this.#world.clock.setInterval(() => this.#beatAll(), BEAT_MS))
    this.#timers.push(this.#world.clock.setInterval(() => this.#link(), LINK_MS + random.int(10)))
    this.#beatAll()
  }

  get #disk() {
    return this.#member.disk
  }

  #header() {
    const heard = this.#heardEpoch()
    return {
      clusterName: CLUSTER,
      brokerName: GROUP,
      brokerId: this.#member.id,
      storeId: this.#disk.storeId,
      bootId: 'boot',
      processId: this.processId,
      groupSize: this.#group.members.length,
      epoch: this.#disk.logEpoch,
      maxOffset: this.#disk.log.length,
      heartbeatTimeoutMills: 3000,
      ...(heard !== undefined && { heardMasterEpoch: heard }),
      ...(this.#disk.view && { seenRecord: groupRecord.encode(this.#disk.view).toString('utf8') }),
      ...(this.#promised !== undefined && { promisedRecord: this.#promised }),
    }
  }

  #heardEpoch(): number | undefined {
    if (!this.#heard || this.#world.clock.monotonicMs() - this.#heard.atMs > HEARD_MS) return undefined
    return this.#heard.epoch
  }

  #beatAll(): void {
    this.#toldHeard = this.#heardEpoch()
    for (const { address } of this.#group.controllers) void this.#beat(`${address}:${PORT}`)
  }

  async #beat(address: string): Promise<void> {
    try {
      const header = { ...this.#header(), brokerAddr: `${this.#member.host.address}:10911` }
      const reply = await this.#client.invoke(address, controllerRequests.brokerHeartbeat, header, { timeoutMs: 900 })
      this.#answered(reply)
    } catch (error) {
      if (error instanceof ResponseError && error.status === 'CONTROLLER_BROKER_NEED_TO_BE_REGISTERED')
        await this.#register(address)
    }
  }

  async #register(address: string): Promise<void> {
    if (this.#registering.has(address)) return
    this.#registering.add(address)
    try {
      const header = { ...this.#header(), brokerAddress: `${this.#member.host.address}:10911` }
      const reply = await this.#client.invoke(address, controllerRequests.controllerRegisterBroker, header, {
        timeoutMs: 3000,
      })
      this.#answered(reply)
    } catch {
      // The next beat says again that it is needed.
    } finally {
      this.#registering.delete(address)
    }
  }

  #answered({ record, formingRecord }: { record?: string; formingRecord?: string }): void {
    if (record !== undefined) this.#learn(groupRecord.parse(record))
    if (formingRecord === undefined || formingRecord === this.#promised) return
    // Two controllers may ask at once: the first is given its time, then the smaller id has it, so that all members agree.
    const nowMs = this.#world.clock.monotonicMs()
    const ageMs = nowMs - this.#promisedMs
    const isBetter = this.#promised === undefined || (formingRecord < this.#promised && ageMs > 3000) || ageMs > 6000
    if (!isBetter) return
    this.#promised = formingRecord
    this.#promisedMs = nowMs
    this.processId = this.#newId()
    this.#standDown()
    this.#beatAll()
  }

  #standDown(): void {
    this.acting = 0
    this.#pending = undefined
    this.#confirmed = new Map()
  }

  #learn(record: GroupRecord): void {
    const disk = this.#disk
    const { view } = disk
    const same = view?.recordId === record.recordId
    if (!same && view && !record.replaces.includes(view.recordId)) return
    if (same && record.syncStateSetEpoch < view.syncStateSetEpoch) return
    if (record.masterEpoch < disk.epoch) return
    const isMaster =
      record.masterBrokerId === this.#member.id &&
      record.masterProcessId === this.processId &&
      memberOf(record, this.#member.id)?.storeId === disk.storeId
    const goesOn = isMaster && same && this.acting === record.masterEpoch
    disk.view = record
    disk.epoch = Math.max(disk.epoch, record.masterEpoch)
    if (goesOn) return
    this.#standDown()
    if (!isMaster) return
    this.acting = record.masterEpoch
    disk.logEpoch = record.masterEpoch
    this.#group.became(record, this.#member.id, this.processId)
  }

  /** The replication link, as one exchange with every other member; and what follows from it. */
  #link(): void {
    // A master that went silent is told of at once, not with the next beat.
    if (this.#toldHeard !== undefined && this.#heardEpoch() === undefined) this.#beatAll()
    if (this.acting === 0) return
    const disk = this.#disk
    disk.log.push(this.#group.nextWrite++)
    const nowMs = this.#world.clock.monotonicMs()
    const { network } = this.#group.sim
    for (const other of this.#group.members) {
      const { process } = other
      if (other.id === this.#member.id || !process) continue
      if (!network.passes(this.#member.host, other.host) || !network.passes(other.host, this.#member.host)) continue
      if (!process.#follow(this.acting, disk.log)) continue
      this.#confirmed.set(other.id, { storeId: other.disk.storeId, writes: disk.log.length, atMs: nowMs })
    }
    this.#acknowledge()
    void this.#alter(nowMs)
  }

  #follow(epoch: number, log: readonly number[]): boolean {
    const disk = this.#disk
    if (disk.epoch > epoch || this.acting >= epoch) return false
    if (this.acting > 0) this.#standDown()
    disk.epoch = epoch
    disk.logEpoch = epoch
    disk.log = [...log]
    this.#heard = { epoch, atMs: this.#world.clock.monotonicMs() }
    return true
  }

  #acknowledge(): void {
    const { view, log } = this.#disk
    const waited = new Set([...view!.syncStateSet, ...(this.#pending ?? [])])
    waited.delete(this.#member.id)
    let upTo = log.length
    for (const id of waited) {
      const confirmed = this.#confirmed.get(id)
      const isStore = confirmed !== undefined && confirmed.storeId === memberOf(view!, id)?.storeId
      upTo = Math.min(upTo, isStore ? confirmed.writes : 0)
    }
    for (let i = upTo - 1; i >= 0 && !this.#group.acknowledged.has(log[i]!); i--) this.#group.acknowledged.add(log[i]!)
  }

  /** Proposes a set when the present one is not what the links say. */
  async #alter(nowMs: number): Promise<void> {
    const view = this.#disk.view!
    const { acting } = this
    if (this.#altering) return
    // Who enters has to have all that was acknowledged, to the last write; who is in stays until it is silent.
    const hasAll = (id: number) => {
      const confirmed = this.#confirmed.get(id)
      return confirmed?.writes === this.#disk.log.length && confirmed.storeId === memberOf(view, id)?.storeId
    }
    const set = this.#group.members
      .map(({ id }) => id)
      .filter(id => {
        if (id === this.#member.id) return true
        return view.syncStateSet.includes(id) ? !this.#isSilent(id, nowMs) : hasAll(id)
      })
    if (set.join() === view.syncStateSet.join() && this.#pending === undefined) return
    this.#altering = true
    const controllers = this.#group.controllers
    const { address } = controllers[this.#world.random.int(controllers.length)]!
    try {
      if (this.#pending) {
        const reply = await this.#client.invoke(
          `${address}:${PORT}`,
          controllerRequests.controllerGetReplicaInfo,
          { brokerName: GROUP, settle: true },
          { timeoutMs: 3000 },
        )
        if (this.acting !== acting) return
        this.#learn(groupRecord.parse(reply.record!))
        if (this.acting === acting) this.#pending = undefined
        return
      }
      this.#pending = set
      const reply = await this.#client.invoke(
        `${address}:${PORT}`,
        controllerRequests.controllerAlterSyncStateSet,
        {
          brokerName: GROUP,
          masterBrokerId: this.#member.id,
          masterEpoch: acting,
          processId: this.processId,
          stores: view.members.map(({ brokerId, storeId, bootId }) => `${brokerId}:${storeId}:${bootId}`).join(';'),
        },
        { body: { syncStateSet: set, syncStateSetEpoch: view.syncStateSetEpoch }, timeoutMs: 3000 },
      )
      if (this.acting !== acting) return
      this.#learn(groupRecord.parse(reply.record!))
      if (this.acting === acting) this.#pending = undefined
    } catch (error) {
      // Only the controllers' own codes say what became of the proposal; all else leaves it open, and the next try settles it.
      const isAnswer = error instanceof ResponseError && error.status.startsWith('CONTROLLER_')
      if (isAnswer && this.acting === acting) this.#pending = undefined
    } finally {
      this.#altering = false
    }
  }

  /** One that has just been elected gives the others the same time to come. */
  #isSilent(id: number, nowMs: number): boolean {
    const confirmed = this.#confirmed.get(id)
    if (!confirmed) {
      this.#confirmed.set(id, { storeId: '', writes: 0, atMs: nowMs })
      return false
    }
    return nowMs - confirmed.atMs > HEARD_MS
  }
}
