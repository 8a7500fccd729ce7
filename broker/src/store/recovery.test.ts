import { describe, expect, test } from '@jest/globals'
import { checkRecord, recordBody } from '@rocketcluster/protocol/internal'
import type { World } from '@rocketcluster/world'
import { type SimHost, simulation } from '@rocketcluster/world/sim'
import { type StoreConfig, storeConfig } from './config.ts'
import { Store } from './store.ts'

const FILE_BYTES = 1024

function config(given: Partial<StoreConfig> = {}): StoreConfig {
  return storeConfig({
    storePathRootDir: '/store',
    mappedFileSizeCommitLog: FILE_BYTES,
    mappedFileSizeConsumeQueue: 20 * 8,
    maxHashSlotNum: 10,
    maxIndexNum: 20,
    hotTailBytes: 8192,
    hotTailSlabBytes: 2048,
    coldReadBlockBytes: 1024,
    fileReservedTime: 1000,
    ...given,
  })
}

function message(id: string) {
  return {
    topic: 'T',
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1,
    bornHost: Buffer.from([10, 0, 0, 1, 0, 0, 0, 80]),
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.from(id.padEnd(40, '.')),
    properties: Buffer.from(`UNIQ_KEY\x01${id}\x02TAGS\x01a\x02`),
    tagsCode: 97,
    uniqKey: id,
    keys: undefined,
  }
}

/** The messages of the queue by their queue offset, as far as they can be read. */
async function read(store: Store): Promise<Map<number, string>> {
  const all = new Map<number, string>()
  let queueOffset = store.minOffset('T', 0)
  while (queueOffset < store.maxOffset('T', 0)) {
    const found = await store.getMessage({ topic: 'T', queueId: 0, queueOffset, maxCount: 1 })
    if (found.status === 'FOUND') {
      const bytes = found.records[0] as Buffer
      // What the CRC does not cover may be damaged unnoticed; such a record is no whole one for its reader.
      if (checkRecord(bytes, 0).kind === 'record')
        all.set(found.nextBeginOffset - 1, recordBody(bytes, 0).toString().replaceAll('.', ''))
    }
    found.release()
    queueOffset = found.nextBeginOffset
  }
  return all
}

async function put(store: Store, count: number, from = 0): Promise<{ physicalOffset: number; end: number }[]> {
  const places = []
  for (let i = from; i < from + count; i++) {
    const { physicalOffset, sizeBytes, queueOffset } = await store.put(message(`m${i}`))
    expect(queueOffset).toBe(i)
    places.push({ physicalOffset, end: physicalOffset + sizeBytes })
  }
  return places
}

/** Copies a directory tree of one machine to a fresh one: each trial starts from the same disk. */
async function copyTree(from: World, to: World, path: string): Promise<void> {
  await to.disk.makeDirectory(path)
  for (const { name, kind } of await from.disk.list(path)) {
    const child = `${path}/${name}`
    if (kind === 'directory') await copyTree(from, to, child)
    else await write(to, child, await from.disk.readFile(child), 0)
  }
}

async function write(world: World, path: string, bytes: Uint8Array, position: number): Promise<void> {
  const file = await world.disk.open(path, 'create')
  await file.write([bytes], position)
  await file.close()
}

async function cut(
  world: World,
  path: string,
  sizeBytes: number,
  mode: 'readWrite' | 'create' = 'readWrite',
): Promise<void> {
  const file = await world.disk.open(path, mode)
  await file.truncate(sizeBytes)
  await file.close()
}

const fileOf = (physicalOffset: number) =>
  `/store/commitlog/${String(physicalOffset - (physicalOffset % FILE_BYTES)).padStart(20, '0')}`

/** Fills a store with ten messages in two files, closed or killed, then runs `trial` on a copy of its disk each time. */
async function trials(
  how: 'closed' | 'killed',
  count: number,
  trial: (host: SimHost, i: number, places: { physicalOffset: number; end: number }[]) => Promise<void>,
  given: Partial<StoreConfig> = {},
): Promise<void> {
  const sim = simulation(1)
  await sim.run(async () => {
    const origin = sim.host('origin')
    const store = await Store.open(origin.world, config(given))
    const places = await put(store, 10)
    if (how === 'closed') await store.close()
    else origin.crash()
    const disk = how === 'closed' ? origin.world : origin.restart()
    for (let i = 0; i < count; i++) {
      const host = sim.host(`trial-${i}`)
      await copyTree(disk, host.world, '/store')
      try {
        await trial(host, i, places)
      } catch (error) {
        throw new Error(`trial ${i}: ${(error as Error).message}`, { cause: error })
      }
      host.crash()
    }
  })
}

const ALL = Array.from({ length: 10 }, (_, i) => `m${i}`)

describe('a log whose end was never vouched for', () => {
  const NEVER = { flushIntervalConsumeQueue: 3_600_000, flushIntervalCommitLog: 3_600_000 }

  test('is cut at the last whole record, wherever the write tore', async () => {
    // From the last two records of one file to the first of the next.
    const from = 760
    await trials(
      'killed',
      420,
      async ({ world }, i, places) => {
        const tear = from + i
        const inFile = tear % FILE_BYTES
        await write(world, fileOf(tear), Buffer.alloc(FILE_BYTES - inFile), inFile)
        if (tear < FILE_BYTES) await write(world, fileOf(FILE_BYTES), Buffer.alloc(FILE_BYTES), 0)
        const whole = places.filter(({ end }) => end <= tear).length
        const store = await Store.open(world, config())
        expect([...(await read(store)).values()]).toEqual(ALL.slice(0, whole))
        await put(store, 1, whole)
        expect((await read(store)).size).toBe(whole + 1)
      },
      NEVER,
    )
  })

  test('keeps no rests of what was cut: a later start finds the same', async () => {
    await trials(
      'killed',
      8,
      async (host, i, places) => {
        // Zeros in the middle of a record, good records behind it.
        await write(
          host.world,
          fileOf(places[i]!.physicalOffset),
          Buffer.alloc(60),
          (places[i]!.physicalOffset % FILE_BYTES) + 30,
        )
        const store = await Store.open(host.world, config())
        expect((await read(store)).size).toBe(i)
        await put(store, 1, i)
        host.crash()
        const again = await Store.open(host.restart(), config())
        expect([...(await read(again)).values()]).toEqual(ALL.slice(0, i + 1))
      },
      NEVER,
    )
  })
})

describe('damage in what was vouched for', () => {
  test('a flipped bit costs the message it is in, at most, and no offset is given again', async () => {
    await trials('closed', 200, async (host, i, places) => {
      const position = Math.floor((places.at(-1)!.end * i) / 200)
      host.disk.flipBits(fileOf(position), 1, position % FILE_BYTES)
      const hit = places.findIndex(({ physicalOffset, end }) => position >= physicalOffset && position < end)
      const store = await Store.open(host.world, config())
      expect(store.maxOffset('T', 0)).toBe(10)
      const found = await read(store)
      for (const [j, id] of ALL.entries())
        if (j !== hit) expect({ position, j, id: found.get(j) }).toEqual({ position, j, id })
      await put(store, 1, 10)
      await store.close()
      // The same when the queues have to be made anew from the damaged log, as long as the record can tell its place.
      const inRecord = position - (places[hit]?.physicalOffset ?? 0)
      if (hit < 0 || inRecord < 92 || inRecord >= 92 + 36) return
      await host.world.disk.removeTree('/store/consumequeue')
      const rebuilt = await Store.open(host.world, config())
      const again = await read(rebuilt)
      for (const [j, id] of [...ALL, 'm10'].entries()) if (j !== hit) expect(again.get(j)).toBe(id)
      expect(rebuilt.maxOffset('T', 0)).toBe(11)
      await rebuilt.close()
    })
  })

  test('a log file that was cut costs what was cut off, and the log goes on behind it', async () => {
    await trials('closed', 2 * 64, async (host, i, places) => {
      const position = i * 16
      await cut(host.world, fileOf(position), position % FILE_BYTES)
      const store = await Store.open(host.world, config())
      const fileEnd = position - (position % FILE_BYTES) + FILE_BYTES
      expect(store.maxOffset('T', 0)).toBe(10)
      const found = await read(store)
      for (const [j, { physicalOffset, end }] of places.entries())
        if (end <= position || physicalOffset >= fileEnd) expect(found.get(j)).toBe(ALL[j])
      const [added] = await put(store, 1, 10)
      expect(added!.physicalOffset).toBeGreaterThanOrEqual(places.at(-1)!.end)
      await store.close()
      const again = await Store.open(host.world, config())
      expect((await read(again)).get(10)).toBe('m10')
      await again.close()
    })
  })

  test('consume queue, index and checkpoint files cut anywhere cost nothing', async () => {
    const paths: string[] = []
    await trials('closed', 1, async ({ world }) => {
      const walk = async (path: string): Promise<void> => {
        for (const { name, kind } of await world.disk.list(path)) {
          if (kind === 'directory') await walk(`${path}/${name}`)
          else paths.push(`${path}/${name}`)
        }
      }
      await walk('/store/consumequeue')
      await walk('/store/index')
      paths.push('/store/checkpoint')
    })
    await trials('closed', paths.length * 20, async (host, i) => {
      const path = paths[Math.floor(i / 20)]!
      const { sizeBytes } = (await host.world.disk.stat(path))!
      // Index files that are neither whole nor a crash's empty rest are refused with a sentence, not guessed at.
      if (path.includes('/index/')) await host.world.disk.remove(path)
      else await cut(host.world, path, Math.floor((sizeBytes * (i % 20)) / 20))
      const opened = await Store.open(host.world, config()).catch((error: Error) => error)
      if (opened instanceof Error) {
        // Only the last file of a queue can be short by accident.
        expect(opened.message).toMatch(/has \d+ bytes; mappedFileSizeConsumeQueue is 160/)
        return
      }
      const store = opened
      expect([...(await read(store)).values()]).toEqual(ALL)
      for (const id of ALL) {
        const { physicalOffsets } = await store.queryIndex('T', id, 32, 0, Number.MAX_SAFE_INTEGER)
        expect(physicalOffsets).not.toHaveLength(0)
      }
      await put(store, 1, 10)
      await store.close()
    })
  })
})

test('what recovery has read is safe before the checkpoint says so, in every file', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const sim = simulation(seed)
    await sim.run(async () => {
      const host = sim.host('host')
      const lazy = config({ flushIntervalCommitLog: 3_600_000, flushIntervalConsumeQueue: 3_600_000 })
      const store = await Store.open(host.world, lazy)
      await put(store, 20)
      host.crash()
      const recovered = await Store.open(host.restart(), lazy)
      expect((await read(recovered)).size).toBe(20)
      host.powerCut()
      expect((await read(await Store.open(host.restart(), lazy))).size).toBe(20)
    })
  }
})

test('a record whose queue offset is damaged makes no hole of billions of entries', async () => {
  const sim = simulation(3)
  await sim.run(async () => {
    const host = sim.host('host')
    // A log that is far along: one offset is as likely as another.
    const start = FILE_BYTES * 1e9
    await host.world.disk.makeDirectory('/store/commitlog')
    const file = `/store/commitlog/${String(start).padStart(20, '0')}`
    await cut(host.world, file, FILE_BYTES, 'create')
    const store = await Store.open(host.world, config())
    const places = await put(store, 4)
    await store.close()
    // Bit 33 of the queue offset, which lies at 20 to 27.
    await write(host.world, file, Buffer.from([2]), places[1]!.physicalOffset - start + 23)
    await host.world.disk.removeTree('/store/consumequeue')
    const again = await Store.open(host.world, config())
    expect([...(await read(again))]).toEqual([
      [0, 'm0'],
      [2, 'm2'],
      [3, 'm3'],
    ])
  })
})

describe('a store without our part of the checkpoint, as Apache leaves it', () => {
  /** Apache's longs stay; our two places are emptied. */
  const forget = (world: World) => write(world, '/store/checkpoint', Buffer.alloc(4096 - 1024), 1024)

  for (const how of ['closed', 'killed'] as const)
    test(`${how}: is recovered by Apache's rules, and serves everything`, () =>
      trials(how, 1, async host => {
        await forget(host.world)
        const store = await Store.open(host.world, config())
        expect([...(await read(store)).values()]).toEqual(ALL)
        await put(store, 10, 10)
        await store.close()
        await forget(host.world)
        await host.world.disk.removeTree('/store/consumequeue')
        const rebuilt = await Store.open(host.world, config())
        expect((await read(rebuilt)).size).toBe(20)
        expect((await rebuilt.queryIndex('T', 'm3', 32, 0, Number.MAX_SAFE_INTEGER)).physicalOffsets).toHaveLength(1)
        await rebuilt.close()
      }))

  test('closed: properties that end in a zero byte, which Apache takes, are no trace of a write cut short', () =>
    trials('closed', 1, async ({ world }, _i, places) => {
      await forget(world)
      const { end } = places[8]!
      await write(world, fileOf(end - 1), Buffer.alloc(1), (end - 1) % FILE_BYTES)
      const store = await Store.open(world, config())
      expect([...(await read(store)).values()]).toEqual(ALL)
    }))

  test('a log that somebody else has cut is believed as it is', () =>
    trials('closed', 1, async ({ world }, _i, places) => {
      // Apache was here: its timestamps differ, and it ended the log two messages earlier.
      await write(world, '/store/checkpoint', Buffer.alloc(16, 1), 0)
      const cutAt = places[8]!.physicalOffset
      await write(world, fileOf(cutAt), Buffer.alloc(FILE_BYTES - (cutAt % FILE_BYTES)), cutAt % FILE_BYTES)
      const store = await Store.open(world, config())
      expect(store.maxPhysicalOffset).toBe(cutAt)
      expect([...(await read(store)).values()]).toEqual(ALL.slice(0, 8))
      await put(store, 1, 8)
    }))
})

describe('a store directory', () => {
  test('is refused while another process has it, and free again after its death', async () => {
    const sim = simulation(2)
    await sim.run(async () => {
      const host = sim.host('host')
      await Store.open(host.world, config())
      await expect(Store.open(host.world, config())).rejects.toThrow('/store is in use by another broker process')
      const store = await Store.open(host.restart(), config())
      await store.close()
      await (await Store.open(host.world, config())).close()
    })
  })

  test('of another file size, or with a file missing, is refused with a sentence', async () => {
    await trials('closed', 1, async ({ world }) => {
      await expect(Store.open(world, config({ mappedFileSizeCommitLog: 1100 }))).rejects.toThrow(
        /must begin at a multiple of mappedFileSizeCommitLog, which is 1100/,
      )
      await put(await Store.open(world, config()), 20, 10)
    })
    await trials('killed', 1, async host => {
      await put(await Store.open(host.world, config()), 20, 10)
      host.crash()
      const world = host.restart()
      await world.disk.remove(fileOf(FILE_BYTES))
      await expect(Store.open(world, config())).rejects.toThrow('/store/commitlog/00000000000000001024 is missing')
    })
  })

  test('whose log was deleted starts empty', async () => {
    await trials('closed', 1, async ({ world }) => {
      await world.disk.removeTree('/store/commitlog')
      const store = await Store.open(world, config())
      expect(store.maxPhysicalOffset).toBe(0)
      await put(store, 3)
      expect((await read(store)).size).toBe(3)
    })
  })

  test('closed properly is opened by looking at its end only', async () => {
    await trials('closed', 1, async ({ world }) => {
      expect(await world.disk.stat('/store/abort')).toBeUndefined()
      const lines: object[] = []
      const log = { ...world.log, info: (fields: object) => lines.push(fields) }
      const store = await Store.open({ ...world, log } as unknown as World, config())
      expect(lines[0]).toMatchObject({
        clean: true,
        checkpoint: true,
        from: store.maxPhysicalOffset,
        damagedRecords: 0,
      })
      expect(await world.disk.stat('/store/abort')).toBeDefined()
      await store.close()
    })
  })
})
