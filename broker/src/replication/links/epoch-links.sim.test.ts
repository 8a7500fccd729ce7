import { expect, jest, test } from '@jest/globals'
import { putInt, ResponseError } from '@rocketcluster/protocol/internal'
import type { Disk, World } from '@rocketcluster/world'
import { everySeed, type SimHost, type Simulation } from '@rocketcluster/world/sim'
import { EpochFile } from '../epoch/epoch-file.ts'
import type { LogStretch, ReplicatedLog } from '../replicated-log.ts'
import { EpochDialect } from './epoch-dialect.ts'
import { EpochMasterDialect } from './epoch-master-dialect.ts'
import { LinkClient } from './link-client.ts'
import { LinkServer } from './link-server.ts'

/** SEEDS=1000 for a long night. */
const SEEDS = Number(process.env.SEEDS ?? 40)
jest.setTimeout(60_000 + SEEDS * 2000)

const PORT = 10_912
const GROUP = { clusterName: 'cluster', brokerName: 'broker-a', recordId: 'record' }
const SILENT_MS = 1500

/** What a disk holds of a log: whole records. It outlives processes. */
interface Medium {
  bytes: Buffer
  flushed: number
}

/** A log of records that have a size and a number only: it takes its time to write and to sync, and may be busy. */
class ToyLog implements ReplicatedLog {
  readonly minPhysicalOffset = 0
  readonly #world: World
  readonly #sim: Simulation
  readonly #medium: Medium
  readonly #listeners = new Set<() => void>()
  /** In memory only. */
  #tail: Buffer[] = []
  #tailBytes = 0
  #writing = false
  #syncing = false
  closed = false

  constructor(world: World, sim: Simulation, medium: Medium) {
    this.#world = world
    this.#sim = sim
    this.#medium = medium
  }

  get maxPhysicalOffset(): number {
    return this.committedOffset + this.#tailBytes
  }

  get committedOffset(): number {
    return this.#medium.bytes.length
  }

  get flushedOffset(): number {
    return this.#medium.flushed
  }

  get durableOffset(): number {
    return this.#medium.flushed
  }

  get readableOffset(): number {
    return this.#medium.flushed
  }

  get settled(): boolean {
    return this.#tailBytes === 0
  }

  append(record: Buffer): number {
    this.#tail.push(record)
    this.#tailBytes += record.length
    this.#write()
    return this.maxPhysicalOffset
  }

  appendReplicated(physicalOffset: number, records: Buffer): void {
    expect(physicalOffset).toBe(this.maxPhysicalOffset)
    if (this.#sim.random.next() < 0.1) throw new ResponseError('SYSTEM_BUSY', 'the disk cannot follow')
    this.append(Buffer.from(records))
  }

  readLog(physicalOffset: number, maxBytes: number): LogStretch | Promise<LogStretch> {
    if (physicalOffset > this.committedOffset) throw new RangeError(`nothing at ${physicalOffset}`)
    const bytes = Buffer.from(this.#medium.bytes.subarray(physicalOffset, physicalOffset + maxBytes))
    const stretch = { start: physicalOffset, slices: [bytes], end: physicalOffset + bytes.length, release: () => {} }
    if (this.#sim.random.next() < 0.7) return stretch
    return this.#world.clock.sleep(this.#sim.random.int(5)).then(() => stretch)
  }

  replicated(): void {}

  startAt(): void {
    throw new Error('every log begins at 0 here')
  }

  addAdvanceListener(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #write(): void {
    if (this.#writing || this.#tailBytes === 0 || this.closed) return
    this.#writing = true
    this.#world.clock.setTimeout(() => {
      this.#writing = false
      if (this.closed) return
      this.#medium.bytes = Buffer.concat([this.#medium.bytes, ...this.#tail])
      this.#tail = []
      this.#tailBytes = 0
      this.#sync()
      this.#told()
    }, this.#sim.random.int(6))
  }

  #sync(): void {
    if (this.#syncing) return
    this.#syncing = true
    const target = this.committedOffset
    this.#world.clock.setTimeout(() => {
      this.#syncing = false
      if (this.closed) return
      this.#medium.flushed = target
      if (target < this.committedOffset) this.#sync()
      this.#told()
    }, this.#sim.random.int(12))
  }

  #told(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}

/** One that now and then takes long to replace a file. */
function slowDisk({ disk, clock }: World, { random }: Simulation): Disk {
  return new Proxy(disk, {
    get: (target, name) => {
      if (name !== 'rename') return (target[name as keyof Disk] as () => unknown).bind(target)
      return async (from: string, to: string) => {
        if (random.next() < 0.3) await clock.sleep(random.int(300))
        await target.rename(from, to)
      }
    },
  })
}

/** Who is master: one that cannot err, changed at once. Members hear of it late. */
interface GroupRecord {
  epoch: number
  master: number
  /** The process that was elected. */
  process: Process | undefined
  set: Set<number>
}

/** What is to be true of all members together. */
class Group {
  readonly sim: Simulation
  readonly members: Member[]
  readonly acknowledged = new Set<number>()
  /** In which each record was written. */
  readonly epochOf = new Map<number, number>()
  readonly counts = { elections: 0, cuts: 0, anew: 0, joined: 0, left: 0 }
  record: GroupRecord
  nextRecord = 1

  constructor(sim: Simulation, size: number) {
    this.sim = sim
    this.record = { epoch: 0, master: -1, process: undefined, set: new Set(Array.from({ length: size }, (_, i) => i)) }
    this.members = Array.from({ length: size }, (_, i) => new Member(this, i, sim.host(`member${i}`)))
  }

  /** From the set only; who lives of it stays in it. Nobody else can have become master meanwhile. */
  elect(): void {
    const alive = [...this.record.set].filter(id => this.members[id]!.isRunning)
    if (alive.length === 0) return
    const master = alive[this.sim.random.int(alive.length)]!
    const has = this.members[master]!.numbers()
    const lacking = [...this.acknowledged].filter(number => !has.has(number))
    if (lacking.length > 0)
      throw new Error(
        `member ${master} is elected without ${lacking.length} acknowledged messages, the first ${lacking[0]}`,
      )
    const { process } = this.members[master]!
    this.record = { epoch: this.record.epoch + 1, master, process, set: new Set(alive) }
    this.counts.elections++
    for (const member of this.members) member.tell(this.record)
  }
}

class Member {
  readonly id: number
  readonly host: SimHost
  readonly medium: Medium = { bytes: Buffer.alloc(0), flushed: 0 }
  /** On its disk. */
  promised = 0
  readonly #group: Group
  #process: Process | undefined

  constructor(group: Group, id: number, host: SimHost) {
    this.#group = group
    this.id = id
    this.host = host
  }

  get isRunning(): boolean {
    return this.#process !== undefined
  }

  get process(): Process | undefined {
    return this.#process
  }

  /** Of all records that it has. */
  numbers(): Set<number> {
    const found = new Set<number>()
    const { bytes } = this.medium
    for (let at = 0; at < bytes.length; at += bytes.readInt32BE(at)) found.add(bytes.readInt32BE(at + 8))
    return found
  }

  start(): void {
    const world = this.#process === undefined ? this.host.restart() : this.host.world
    this.#process = new Process(this.#group, this, world)
    void this.#process.open()
    this.tell(this.#group.record)
  }

  /** It learns of a record some time, when it lives then. */
  tell(record: GroupRecord): void {
    const { sim } = this.#group
    const process = this.#process
    const delay = record.master === this.id ? 0 : sim.random.int(400)
    void sim.sleep(delay).then(() => {
      if (process === this.#process) process?.learn(record)
    })
  }

  die(how: 'kill' | 'power'): void {
    if (this.#process === undefined) return
    this.#process.log.closed = true
    this.#process = undefined
    if (how === 'kill') this.host.crash()
    else {
      this.host.powerCut()
      // Any number of whole records behind what was synced may have stayed.
      const { bytes, flushed } = this.medium
      let end = flushed
      while (end < bytes.length && this.#group.sim.random.next() < 0.5) end += bytes.readInt32BE(end)
      this.medium.bytes = bytes.subarray(0, end)
    }
    this.medium.flushed = this.medium.bytes.length
  }
}

/** One life of a member, or what is between two cuts of its log. */
class Process {
  readonly log: ToyLog
  readonly #group: Group
  readonly #member: Member
  readonly #world: World
  #epochs: EpochFile | undefined
  #server: LinkServer | undefined
  #client: LinkClient | undefined
  #record: GroupRecord | undefined
  #turn: Promise<void> = Promise.resolve()
  /** Ends of records that wait to be acknowledged. */
  readonly #waiting: { end: number; number: number }[] = []
  #confirmed = 0
  readonly #silentSince = new Map<number, number>()

  constructor(group: Group, member: Member, world: World) {
    this.#group = group
    this.#member = member
    this.#world = world
    this.log = new ToyLog(world, group.sim, member.medium)
  }

  open(): Promise<void> {
    return this.#next(async () => {
      const disk = slowDisk(this.#world, this.#group.sim)
      await disk.makeDirectory('/store')
      await disk.syncDirectory('/')
      const epochs = await EpochFile.open(disk, '/store')
      epochs.history.truncateTo(this.log.maxPhysicalOffset)
      await epochs.save()
      this.#epochs = epochs
      const { bytes } = this.#member.medium
      for (let at = 0; at < bytes.length; at += bytes.readInt32BE(at)) {
        const [is, says] = [this.#group.epochOf.get(bytes.readInt32BE(at + 8)), epochs.history.at(at)?.epoch]
        if (is !== says)
          throw new Error(`member ${this.#member.id} takes what was written at ${at} in epoch ${is} for epoch ${says}`)
      }
      this.#world.clock.setInterval(() => this.#tick(), 50)
    })
  }

  #next(step: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(step)
    this.#turn = turn
    return turn
  }

  learn(record: GroupRecord): void {
    if (record.epoch < this.#member.promised || record.epoch <= (this.#record?.epoch ?? 0)) return
    this.#record = record
    this.#member.promised = Math.max(this.#member.promised, record.epoch)
    void this.#next(async () => {
      if (this.#record !== record) return
      await this.#server?.stop()
      await this.#client?.stop()
      this.#server = this.#client = undefined
      if (record.process === this) await this.#lead(record)
      else if (record.master >= 0 && record.master !== this.#member.id) this.#follow(record)
    })
  }

  async #lead(record: GroupRecord): Promise<void> {
    const { log } = this
    const epochs = this.#epochs!
    while (!log.settled || log.flushedOffset < log.committedOffset) await this.#world.clock.sleep(5)
    epochs.history.append({ epoch: record.epoch, startOffset: log.maxPhysicalOffset })
    await epochs.save()
    if (this.#record !== record) return
    const epochStart = log.maxPhysicalOffset
    this.#confirmed = 0
    this.#waiting.length = 0
    this.#server = await LinkServer.start(this.#world, {
      host: '0.0.0.0',
      port: PORT,
      log,
      heartbeatIntervalMs: 300,
      silenceMs: 2000,
      onChange: () => this.#reported(record, epochStart),
      dialect: () =>
        new EpochDialect({
          log,
          history: epochs.history,
          refusal: ({ hello }) =>
            hello === undefined || hello.highestEpoch > record.epoch ? 'it has seen a higher epoch' : undefined,
          confirmOffset: () => this.#confirmed,
        }),
    })
  }

  /** What a slave says that it has is what the master has, as long as it follows this one. */
  #reported(record: GroupRecord, epochStart: number): void {
    const views = this.#server?.slaves ?? []
    for (const { identity, ackOffset } of views) {
      const slave = this.#group.members[identity!.brokerId]!
      if (slave.promised !== record.epoch || !slave.isRunning) continue
      const [theirs, mine] = [slave.medium.bytes, this.#member.medium.bytes]
      if (theirs.length < ackOffset || !theirs.subarray(0, ackOffset).equals(mine.subarray(0, ackOffset)))
        throw new Error(
          `member ${slave.id} has said that it has the log of epoch ${record.epoch} up to ${ackOffset}, and has another one`,
        )
    }
    this.#advance(record, epochStart)
  }

  #advance(record: GroupRecord, epochStart: number): void {
    const { record: current, counts } = this.#group
    if (this.#server === undefined || current.epoch !== record.epoch) return
    const acks = new Map<number, number>([[this.#member.id, this.log.flushedOffset]])
    const now = this.#world.clock.monotonicMs()
    for (const { identity, ackOffset, heardMs } of this.#server.slaves) {
      if (now - heardMs > SILENT_MS) continue
      acks.set(identity!.brokerId, ackOffset)
    }
    for (const [id, ack] of acks)
      if (!current.set.has(id) && ack >= Math.max(this.#confirmed, epochStart)) {
        current.set.add(id)
        counts.joined++
      }
    for (const id of [...current.set]) {
      if (acks.has(id)) this.#silentSince.set(id, now)
      else if (now - (this.#silentSince.get(id) ?? now) > SILENT_MS) {
        current.set.delete(id)
        counts.left++
      } else if (!this.#silentSince.has(id)) this.#silentSince.set(id, now)
    }
    const has = [...current.set].map(id => acks.get(id) ?? -1)
    this.#confirmed = Math.max(this.#confirmed, Math.min(...has))
    while (this.#waiting[0] !== undefined && this.#waiting[0].end <= this.#confirmed)
      this.#group.acknowledged.add(this.#waiting.shift()!.number)
  }

  #follow(record: GroupRecord): void {
    const { sim, members, counts } = this.#group
    const { log } = this
    const member = this.#member
    const epochs = this.#epochs!
    const master = members[record.master]!
    let over = false
    const anew = (cut: () => void) => {
      if (over) return
      over = true
      void this.#next(async () => {
        await this.#client?.stop()
        this.#client = undefined
        if (member.process !== this || this.#record !== record) return
        member.die('kill')
        cut()
        member.start()
      })
    }
    this.#client = new LinkClient(this.#world, {
      log,
      masterHaAddress: () => `${master.host.address}:${PORT}`,
      masterLog: async () => ({ minOffset: 0, maxOffset: master.medium.bytes.length }),
      heartbeatIntervalMs: 300,
      silenceMs: 2000,
      onTooFarBehind: () => {},
      dialect: () =>
        new EpochMasterDialect({
          brokerId: member.id,
          log,
          epochs,
          hello: { ...GROUP, highestEpoch: member.promised, storeId: `store${member.id}`, bootId: 'boot' },
          highestEpoch: () => member.promised,
          promiseEpoch: async epoch => {
            await this.#world.clock.sleep(sim.random.int(5))
            member.promised = Math.max(member.promised, epoch)
          },
          masterLog: async () => ({ minOffset: 0, maxOffset: master.medium.bytes.length }),
          heard: () => {},
          onConfirm: offset => expect(offset).toBeLessThanOrEqual(log.committedOffset),
          onTruncate: offset =>
            anew(() => {
              counts.cuts++
              member.medium.bytes = member.medium.bytes.subarray(0, offset)
              member.medium.flushed = Math.min(member.medium.flushed, offset)
            }),
          onTooFarBehind: () =>
            anew(() => {
              counts.anew++
              member.medium.bytes = Buffer.alloc(0)
              member.medium.flushed = 0
            }),
        }),
    })
    this.#client.start()
  }

  /** Sends a message and goes on; what waits for others is looked at again. */
  #tick(): void {
    const record = this.#record
    if (record === undefined || this.#server === undefined || record.master !== this.#member.id) return
    const { random } = this.#group.sim
    for (let i = random.int(4); i > 0; i--) {
      const number = this.#group.nextRecord++
      const size = 100 + random.int(300)
      const bytes = Buffer.alloc(size, number)
      putInt(bytes, 0, size)
      putInt(bytes, 4, 0)
      putInt(bytes, 8, number)
      this.#group.epochOf.set(number, record.epoch)
      this.#waiting.push({ number, end: this.log.append(bytes) })
    }
    this.#advance(record, this.#epochs!.history.last!.startOffset)
  }

  get isMaster(): boolean {
    return this.#server !== undefined
  }
}

test(`after ${SEEDS} seeds of trouble no acknowledged message is missing, and all logs are the same`, async () => {
  const sum = { elections: 0, cuts: 0, anew: 0, joined: 0, left: 0, acknowledged: 0 }
  await everySeed(
    SEEDS,
    async (_world, sim) => {
      const group = new Group(sim, 3)
      const { random, network } = sim
      for (const member of group.members) member.start()
      await sim.sleep(50)
      group.elect()
      const names = group.members.map(({ host }) => host.name)
      const pick = () => group.members[random.int(3)]!
      for (let round = 0; round < 25; round++) {
        await sim.sleep(random.int(random.next() < 0.5 ? 60 : 1500))
        const trouble = random.int(9)
        const member = pick()
        if (trouble <= 1) member.die(random.next() < 0.5 ? 'kill' : 'power')
        else if (trouble === 2) {
          const others = names.filter(name => name !== member.host.name)
          network.partition(member.host.name, others[random.int(2)]!, { oneWay: random.next() < 0.5 })
        } else if (trouble === 3) network.heal()
        else if (trouble === 4) network.cut(names[0]!, names[1 + random.int(2)]!)
        else if (trouble === 5) network.slow(member.host.name, random.next() < 0.5 ? 20_000 : undefined)
        else if (trouble === 6) group.elect()
        for (const one of group.members) if (!one.isRunning && random.next() < 0.5) one.start()
        if (!group.members[group.record.master]?.process?.isMaster && random.next() < 0.7) group.elect()
      }
      network.heal()
      for (const { host } of group.members) network.slow(host.name, undefined)
      for (const member of group.members) if (!member.isRunning) member.start()
      await sim.sleep(500)
      group.elect()
      let same = false
      for (let i = 0; i < 400 && !same; i++) {
        await sim.sleep(100)
        const [a, b, c] = group.members.map(({ medium }) => medium.bytes)
        const least = Math.min(a!.length, b!.length, c!.length)
        // Messages still come: nobody is to be far behind.
        same = Math.max(a!.length, b!.length, c!.length) - least < 5000 && i > 50
        if (same)
          for (const other of [b!, c!]) expect(a!.subarray(0, least).equals(other.subarray(0, least))).toBe(true)
      }
      expect(same).toBe(true)
      const has = group.members[group.record.master]!.numbers()
      expect([...group.acknowledged].filter(number => !has.has(number))).toEqual([])
      for (const key of Object.keys(group.counts) as (keyof typeof group.counts)[]) sum[key] += group.counts[key]
      sum.acknowledged += group.acknowledged.size
    },
    { file: import.meta.filename },
  )
  if (process.env.SEEDS !== undefined) console.log(sum)
  if (process.env.SEED !== undefined) return
  // A run in which nothing happened would prove nothing.
  for (const count of [sum.elections, sum.cuts, sum.joined, sum.left, sum.acknowledged])
    expect(count).toBeGreaterThan(SEEDS / 4)
})
