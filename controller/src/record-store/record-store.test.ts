import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { nodeWorld } from '@rocketcluster/world/node'
import { everySeed, Simulation } from '@rocketcluster/world/sim'
import { change, type Decision, type GroupRecord, keep, RecordError, refuse } from '../state/index.ts'
import { FileRecordStore } from './file-record-store.ts'
import { MemoryRecordStore } from './memory-record-store.ts'
import { type RecordStore, RecordStoreError, type Swapped } from './record-store.ts'
import { updateRecord } from './update-record.ts'

const record = (syncStateSetEpoch: number, over: Partial<GroupRecord> = {}): GroupRecord => ({
  recordId: 'r',
  replaces: [],
  changeId: '',
  change: '',
  clusterName: 'cluster',
  brokerName: 'broker/a',
  masterProcessId: '',
  masterEpoch: 0,
  syncStateSet: [],
  syncStateSetEpoch,
  nextBrokerId: 1,
  members: [],
  ...over,
})
const NAME = 'broker/a'

const directories: string[] = []
function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'records-'))
  directories.push(directory)
  return join(directory, 'records')
}
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

const version = (swapped: Swapped) => (swapped === 'conflict' ? swapped : swapped.version)

describe.each([
  ['memory', () => new MemoryRecordStore()],
  ['file', () => new FileRecordStore(nodeWorld(), newDirectory())],
] as const)('%s', (_, make: () => RecordStore) => {
  test('swaps only in the place of the version that was read', async () => {
    const store = make()
    expect(await store.read(NAME)).toBeUndefined()
    expect(await store.list()).toEqual([])
    const first = version(await store.swap(NAME, undefined, record(1)))
    expect(await store.swap(NAME, undefined, record(2))).toBe('conflict')
    const second = version(await store.swap(NAME, first, record(2)))
    expect(second).not.toBe(first)
    expect(await store.swap(NAME, first, record(3))).toBe('conflict')
    expect(await store.read(NAME)).toEqual({ record: record(2), version: second })
    expect(await store.list()).toEqual([NAME])
  })

  test('a record that is removed and made again has no version it had before', async () => {
    const store = make()
    const first = version(await store.swap(NAME, undefined, record(1)))
    expect(version(await store.swap(NAME, first, undefined))).toBeUndefined()
    expect(await store.read(NAME)).toBeUndefined()
    expect(await store.list()).toEqual([])
    const again = version(await store.swap(NAME, undefined, record(1)))
    expect(again).not.toBe(first)
    expect(await store.swap(NAME, first, record(2))).toBe('conflict')
  })

  test('of many at once on one version, one wins', async () => {
    const store = make()
    const results = await Promise.all([1, 2, 3, 4, 5].map(epoch => store.swap(NAME, undefined, record(epoch))))
    expect(results.filter(result => result !== 'conflict')).toHaveLength(1)
  })
})

describe('records in files', () => {
  test('several controllers of one machine share a directory', async () => {
    const directory = newDirectory()
    const stores = [1, 2, 3].map(() => new FileRecordStore(nodeWorld(), directory))
    await stores[0]!.swap(NAME, undefined, record(0))
    const add = async (store: RecordStore) => {
      for (let done = 0; done < 10; ) {
        const stored = (await store.read(NAME))!
        const next = record(stored.record.syncStateSetEpoch + 1)
        if ((await store.swap(NAME, stored.version, next)) !== 'conflict') done++
      }
    }
    await Promise.all(stores.map(add))
    expect((await stores[0]!.read(NAME))!.record.syncStateSetEpoch).toBe(30)
  })

  test('a record that was edited by hand is refused with its file and field, and never overwritten', async () => {
    const directory = newDirectory()
    const store = new FileRecordStore(nodeWorld(), directory)
    await store.swap(NAME, undefined, record(1))
    const path = join(directory, `${encodeURIComponent(NAME)}.record.json`)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace('"nextBrokerId": 1', '"nextBrokerId": "one"'))
    await expect(store.read(NAME)).rejects.toThrow(RecordError)
    await expect(store.read(NAME)).rejects.toThrow(/broker%2Fa\.record\.json: .*nextBrokerId/)
    writeFileSync(path, text.replace('broker/a', 'broker-b'))
    await expect(store.read(NAME)).rejects.toThrow(/is broker-b, and the file is that of broker\/a/)
    writeFileSync(path, text.slice(2))
    await expect(store.read(NAME)).rejects.toThrow(/first line has to be the record's version/)
    const seen = readFileSync(path, 'utf8')
    await expect(
      updateRecord(nodeWorld(), store, NAME, () => () => change(record(9), 'no'), { timeoutMs: 100 }),
    ).rejects.toThrow(RecordError)
    expect(readFileSync(path, 'utf8')).toBe(seen)
  })

  test('a crash or a power cut at any moment leaves the old record or the new, and what was answered for good', async () => {
    await everySeed(
      Number(process.env.SEEDS ?? 40),
      async (_, sim) => {
        const host = sim.host('machine')
        let answered = 0
        for (let round = 0; round < 4; round++) {
          const store = new FileRecordStore(round === 0 ? host.world : host.restart(), '/records')
          const stored = await store.read(NAME)
          const epoch = stored?.record.syncStateSetEpoch ?? 0
          if (epoch < answered) throw new Error(`epoch ${answered} was answered, and the file says ${epoch}`)
          const work = async () => {
            let at = stored?.version
            for (let next = epoch + 1; ; next++) {
              const swapped = await store.swap(NAME, at, record(next))
              if (swapped === 'conflict') throw new Error('a conflict with nobody')
              at = swapped.version
              answered = next
            }
          }
          void work()
          await sim.sleep(sim.random.int(40))
          if (sim.random.int(2) === 0) host.powerCut()
          else host.crash()
        }
      },
      { file: import.meta.filename },
    )
  }, 600_000)

  test('a disk that fails says so', async () => {
    const sim = new Simulation(1)
    await sim.run(async () => {
      const host = sim.host('machine')
      const store = new FileRecordStore(host.world, '/records')
      await store.swap(NAME, undefined, record(1))
      const heal = host.disk.fail({ on: 'write', code: 'ENOSPC' })
      await expect(store.swap(NAME, '1', record(2))).rejects.toMatchObject({ outcome: 'none' })
      heal()
      const healed = host.disk.fail({ on: 'syncDirectory' })
      const failing = store.swap(NAME, '1', record(2))
      await expect(failing).rejects.toThrow(RecordStoreError)
      await expect(failing).rejects.toMatchObject({ outcome: 'unknown' })
      healed()
      expect((await store.read(NAME))!.record.syncStateSetEpoch).toBe(2)
    })
  })
})

describe('updateRecord', () => {
  /** A store whose next swaps go wrong as told. */
  class Faulty extends MemoryRecordStore {
    fates: ('lost, done' | 'lost, not done' | 'lost, later' | 'failed')[] = []
    later: (() => Promise<Swapped>)[] = []

    override async swap(name: string, expected: string | undefined, next: GroupRecord | undefined): Promise<Swapped> {
      const fate = this.fates.shift()
      const swap = () => super.swap(name, expected, next)
      if (fate === undefined) return swap()
      if (fate === 'failed') throw new RecordStoreError('none', 'refused')
      if (fate === 'lost, done') await swap()
      if (fate === 'lost, later') this.later.push(swap)
      throw new RecordStoreError('unknown', 'no answer')
    }
  }

  const add = (given: GroupRecord | undefined): Decision =>
    change(record((given?.syncStateSetEpoch ?? 0) + 1), 'one more')
  const update = (store: RecordStore, decide = add, timeoutMs = 2000) =>
    updateRecord(nodeWorld(), store, NAME, () => decide, { timeoutMs })

  test.each([['lost, done'], ['lost, not done'], ['failed']] as const)(
    'after a swap that was %s it is made exactly once',
    async fate => {
      const store = new Faulty()
      store.fates = [fate]
      const { record: now, decision } = await update(store)
      expect([now!.syncStateSetEpoch, decision.kind]).toEqual([1, 'change'])
      expect((await store.read(NAME))!.record.syncStateSetEpoch).toBe(1)
    },
  )

  test('what arrives later than the answer cannot come into force any more', async () => {
    const store = new Faulty()
    await update(store)
    store.fates = ['lost, later']
    await update(store)
    expect(await store.later[0]!()).toBe('conflict')
    expect((await store.read(NAME))!.record.syncStateSetEpoch).toBe(2)
  })

  test('a refusal after a lost answer shuts the door too', async () => {
    const store = new Faulty()
    await update(store)
    store.fates = ['lost, later']
    let asked = 0
    const { decision } = await update(store, given =>
      asked++ === 0 ? add(given) : refuse('CONTROLLER_BROKER_NOT_ALIVE', 'gone'),
    )
    expect(decision.kind).toBe('refuse')
    expect(await store.later[0]!()).toBe('conflict')
    expect((await store.read(NAME))!.record.syncStateSetEpoch).toBe(1)
  })

  test('when the store stays away it says whether something may have happened', async () => {
    const store = new Faulty()
    store.fates = new Array(1000).fill('failed')
    await expect(update(store, add, 50)).rejects.toMatchObject({ outcome: 'none' })
    store.fates = ['lost, later', ...new Array(1000).fill('failed')]
    await expect(update(store, add, 50)).rejects.toMatchObject({ outcome: 'unknown' })
  })

  test('nothing to change writes nothing', async () => {
    const store = new Faulty()
    await update(store)
    const before = await store.read(NAME)
    expect((await update(store, () => keep('fine'))).record).toEqual(before!.record)
    expect(await store.read(NAME)).toEqual(before)
  })

  test('two controllers at once count to twenty', async () => {
    const directory = newDirectory()
    const stores = [1, 2].map(() => new FileRecordStore(nodeWorld(), directory))
    const ten = async (store: RecordStore) => {
      for (let i = 0; i < 10; i++) await update(store, add, 20_000)
    }
    await Promise.all(stores.map(ten))
    expect((await stores[0]!.read(NAME))!.record.syncStateSetEpoch).toBe(20)
  })
})
