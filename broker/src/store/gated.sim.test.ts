import { describe, jest, test } from '@jest/globals'
import { getLong, recordBody, recordQueueOffset, recordStarts } from '@rocketcluster/protocol/internal'
import { everySeed, type SimHost, type Simulation } from '@rocketcluster/world/sim'
import { type StoreConfig, storeConfig } from './config.ts'
import { Store } from './store.ts'

/** Of each kind; SEEDS=2000 for a long night. */
const SEEDS = Number(process.env.SEEDS ?? 15)
jest.setTimeout(30_000 + SEEDS * 1000)

const BORN_HOST = Buffer.from([10, 0, 0, 1, 0, 0, 0x30, 0x39])

const settings = (flushDiskType: StoreConfig['flushDiskType']) =>
  storeConfig({
    storePathRootDir: '/store',
    mappedFileSizeCommitLog: 8 * 1024,
    mappedFileSizeConsumeQueue: 20 * 30,
    maxMessageSize: 4000,
    maxHashSlotNum: 20,
    maxIndexNum: 60,
    hotTailBytes: 8192,
    hotTailSlabBytes: 2048,
    coldReadBlockBytes: 2048,
    coldReadCacheBytes: 256 * 1024,
    flushIntervalCommitLog: 20,
    flushIntervalConsumeQueue: 40,
    cleanResourceInterval: 30,
    fileReservedTime: 1000,
    slaveTimeout: 50,
    flushDiskType,
  })

interface Message {
  readonly id: string
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly physicalOffset: number
  readonly end: number
}

function same(what: string, found: unknown, wanted: unknown): void {
  if (found === wanted) return
  throw new Error(`${what}: found ${String(found).slice(0, 300)}, should be ${String(wanted).slice(0, 300)}`)
}

function message(topic: string, queueId: number, id: string, padding: number) {
  return {
    topic,
    queueId,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1,
    bornHost: BORN_HOST,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.from(`${id}:${'.'.repeat(padding)}`),
    properties: Buffer.from(`UNIQ_KEY\x01${id}\x02TAGS\x01a\x02`),
    tagsCode: 97,
    uniqKey: id,
    keys: undefined,
  }
}

/** All that readers can get, as `topic/queueId/queueOffset/physicalOffset/id`. */
async function shown(store: Store): Promise<Set<string>> {
  const all = new Set<string>()
  for (const { topic, queueIds } of store.topics())
    for (const queueId of queueIds)
      for (let queueOffset = 0; queueOffset < store.maxOffset(topic, queueId); ) {
        const found = await store.getMessage({ topic, queueId, queueOffset, maxCount: 32 })
        for (const slice of found.records as Buffer[])
          for (const at of recordStarts(slice)) all.add(`${topic}/${queueId}/${placeOf(slice, at)}`)
        found.release()
        if (found.nextBeginOffset <= queueOffset) throw new Error(`${topic}/${queueId} cannot be read: ${found.status}`)
        queueOffset = found.nextBeginOffset
      }
  return all
}

const placeOf = (bytes: Buffer, at: number) =>
  `${recordQueueOffset(bytes, at)}/${getLong(bytes, at + 28)}/${recordBody(bytes, at).toString().split(':')[0]}`

const nameOf = ({ topic, queueId, queueOffset, physicalOffset, id }: Message) =>
  `${topic}/${queueId}/${queueOffset}/${physicalOffset}/${id}`

/** A store whose messages somebody confirms, and what must be true of it. */
class Member {
  readonly #sim: Simulation
  readonly #host: SimHost
  readonly #config: StoreConfig
  /** What the log has, or had when it was last looked at. */
  log: Message[] = []
  confirmed = 0
  store!: Store
  #ids = 0
  #life = 0
  error: unknown

  constructor(sim: Simulation, config: StoreConfig) {
    this.#sim = sim
    this.#host = sim.host('host')
    this.#config = config
  }

  async open(truncateTo?: number): Promise<void> {
    const { random } = this.#sim
    // Now and then it dies in the midst, once or more.
    while (random.next() < 0.4) {
      Store.open(this.#host.world, this.#config, { gated: true, truncateTo }).catch(() => {})
      await this.#sim.sleep(random.next() * 40)
      this.#die(random.next() < 0.5)
    }
    this.store = await Store.open(this.#host.world, this.#config, { gated: true, truncateTo })
  }

  #die(power: boolean): void {
    if (power) this.#host.powerCut()
    else this.#host.crash()
    this.#host.restart()
  }

  /** The disk is full, for a while. */
  async fill(): Promise<void> {
    const heal = this.#host.disk.fail({ on: 'write', path: '/store/commitlog/', code: 'ENOSPC' })
    await this.#sim.sleep(this.#sim.random.int(60))
    heal()
    await this.#sim.sleep(this.#sim.random.int(100))
  }

  /** Ends this process's life in some way; what was not on the disk may be gone. */
  async end(): Promise<void> {
    this.#life++
    const how = this.#sim.random.next()
    if (how < 0.3) await this.store.close()
    else this.#die(how < 0.7)
    if (this.error) throw this.error
  }

  start(): void {
    const life = ++this.#life
    const alive = () => life === this.#life
    const guarded = (work: Promise<void>) =>
      work.catch(error => {
        if (alive()) this.error ??= error
      })
    this.store.onArrival = arrivals => {
      for (const { topic, queueId, maxOffset } of arrivals)
        if (maxOffset > this.store.maxOffset(topic, queueId)) this.error ??= new Error(`${topic} arrives too early`)
    }
    for (let i = 1 + this.#sim.random.int(3); i > 0; i--) guarded(this.#produce(this.store, alive))
    guarded(this.#confirm(this.store, alive))
    guarded(this.#consume(this.store, alive))
  }

  async #produce(store: Store, alive: () => boolean): Promise<void> {
    const { random } = this.#sim
    const { clock } = this.#host.world
    while (alive()) {
      const [topic, queueId, id] = [`topic${random.int(2)}`, random.int(2), `${this.#ids++}`]
      let placed: Message | undefined
      try {
        const { physicalOffset, sizeBytes, queueOffset } = store.append(message(topic, queueId, id, random.int(700)))
        placed = { id, topic, queueId, queueOffset, physicalOffset, end: physicalOffset + sizeBytes }
        this.log.push(placed)
        const status = await store.committed(placed.end, true)
        if (!alive()) return
        if (status === 'PUT_OK') same(`whether ${id} was confirmed when answered`, placed.end <= this.confirmed, true)
      } catch (error) {
        if ((error as Error).name !== 'ResponseError') throw error
        this.log = this.log.filter(one => one !== placed)
      }
      await clock.sleep(random.next() < 0.1 ? random.int(30) : random.next() * 4)
    }
  }

  /** Replicas have more, now and then, and never more than there is. */
  async #confirm(store: Store, alive: () => boolean): Promise<void> {
    const { random } = this.#sim
    const { clock } = this.#host.world
    while (alive()) {
      await clock.sleep(random.next() < 0.05 ? 200 : random.next() * 8)
      if (!alive()) return
      const ends = this.log.map(({ end }) => end).filter(end => end > this.confirmed && end <= store.durableOffset)
      if (ends.length > 0) this.confirm(ends[random.int(ends.length)]!)
    }
  }

  confirm(physicalOffset: number): void {
    this.confirmed = Math.max(this.confirmed, physicalOffset)
    this.store.confirm(physicalOffset)
  }

  async #consume(store: Store, alive: () => boolean): Promise<void> {
    const { random } = this.#sim
    const { clock } = this.#host.world
    while (alive()) {
      await clock.sleep(random.int(30))
      if (!alive()) return
      const all = await shown(store)
      if (!alive()) return
      this.#checkPrefix(all)
    }
  }

  /** Whatever is shown is in the log, and confirmed. */
  #checkPrefix(all: Set<string>): void {
    const known = new Map(this.log.map(one => [nameOf(one), one.end]))
    for (const name of all) {
      const end = known.get(name)
      if (end === undefined || end > this.confirmed) throw new Error(`${name} is shown, and ${end} is not confirmed`)
    }
  }

  /** What is shown is all of the log up to where it is readable, and nothing that was not confirmed. */
  async check(): Promise<void> {
    const all = await shown(this.store)
    this.#checkPrefix(all)
    const { readableOffset } = this.store
    same('readable, and confirmed', readableOffset <= Math.max(this.confirmed, this.store.minPhysicalOffset), true)
    for (const one of this.log) same(`whether ${nameOf(one)} is shown`, all.has(nameOf(one)), one.end <= readableOffset)
  }

  /** What the disk has lost is lost. */
  forgetLost(): void {
    const end = this.store.maxPhysicalOffset
    this.log = this.log.filter(one => one.end <= end)
    this.confirmed = Math.min(this.confirmed, end)
  }

  /** The end of a message at or behind what is confirmed. */
  somewhere(): number {
    const ends = [this.confirmed, ...this.log.map(({ end }) => end).filter(end => end > this.confirmed)]
    return ends[this.#sim.random.int(ends.length)]!
  }

  async confirmAll(): Promise<void> {
    const { store } = this
    while (store.durableOffset < store.maxPhysicalOffset) await this.#host.world.clock.sleep(1)
    this.confirm(store.maxPhysicalOffset)
    for (let i = 0; store.readableOffset < this.confirmed; i++) {
      if (i > 1000) throw new Error(`readable is ${store.readableOffset}, and confirmed ${this.confirmed}`)
      await this.#host.world.clock.sleep(1)
    }
  }

  /** Everything derived is thrown away, and made again of the log: it is the same. */
  async checkRebuilt(): Promise<void> {
    await this.store.close()
    const { disk } = this.#host.world
    for (const path of ['consumequeue', 'index', 'checkpoint']) await disk.removeTree(`/store/${path}`)
    this.store = await Store.open(this.#host.world, this.#config)
    this.confirmed = this.store.maxPhysicalOffset
    await this.check()
    for (const { topic, id, physicalOffset } of this.log) {
      const found = await this.store.queryIndex(topic, id, 64, 0, Number.MAX_SAFE_INTEGER)
      same(`${id} in the index`, found.physicalOffsets.includes(physicalOffset), true)
    }
    await this.store.close()
  }
}

async function lives(sim: Simulation, config: StoreConfig): Promise<void> {
  const { random } = sim
  const member = new Member(sim, config)
  let truncateTo: number | undefined
  for (let life = 2 + random.int(4); life > 0; life--) {
    await member.open(truncateTo)
    if (truncateTo !== undefined) {
      const end = truncateTo
      member.log = member.log.filter(one => one.end <= end)
      if (config.flushDiskType === 'SYNC_FLUSH') same('end of the log', member.store.maxPhysicalOffset <= end, true)
    }
    const { confirmed } = member
    member.forgetLost()
    // What was confirmed had been synced.
    if (config.flushDiskType === 'SYNC_FLUSH') same('what is confirmed', member.confirmed, confirmed)
    await member.check()
    for (const { topic, queueId } of member.log) {
      const offsets = member.log.filter(one => one.topic === topic && one.queueId === queueId)
      for (const [i, one] of offsets.entries()) same(`queue offset of ${nameOf(one)}`, one.queueOffset, i)
    }
    member.start()
    await sim.sleep(random.int(250))
    if (random.next() < 0.3) await member.fill()
    await member.end()
    truncateTo = random.next() < 0.5 ? member.somewhere() : undefined
  }
  await member.open(truncateTo)
  if (truncateTo !== undefined) member.log = member.log.filter(one => one.end <= truncateTo!)
  member.forgetLost()
  await member.check()
  await member.confirmAll()
  await member.check()
  await member.checkRebuilt()
}

describe('what is readable is confirmed, whatever happens, and what is cut off is gone', () => {
  for (const flushDiskType of ['SYNC_FLUSH', 'ASYNC_FLUSH'] as const)
    test(flushDiskType, () =>
      everySeed(SEEDS, (_, sim) => lives(sim, settings(flushDiskType)), { file: import.meta.filename }),
    )
})
