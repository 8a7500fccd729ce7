import { describe, expect, test } from '@jest/globals'
import { indexKeyHash } from '@rocketcluster/protocol/internal'
import { DiskError, silentLog } from '@rocketcluster/world'
import { IndexService, type IndexServiceOptions } from './index-service.ts'
import { dice, TestDisk, testWorld } from './test-disk.ts'

const DIRECTORY = '/store/index'
const EVER = Number.MAX_SAFE_INTEGER
/** 2024-03-05 13:14:15.016 */
const NOW = Date.UTC(2024, 2, 5, 13, 14, 15, 16)

function open(disk: TestDisk, options: Partial<IndexServiceOptions> = {}, now = NOW): Promise<IndexService> {
  return IndexService.open(testWorld(disk, now), {
    directory: DIRECTORY,
    maxHashSlotNum: 7,
    maxIndexNum: 21,
    log: silentLog,
    ...options,
  })
}

async function find(index: IndexService, key: string, maxCount = 1000, beginMs = 0, endMs = EVER) {
  return [...(await index.query('t', key, maxCount, beginMs, endMs)).physicalOffsets]
}

/** What Apache finds in the files as they lie on the disk (IndexService.java#queryOffset, IndexFile.java#selectPhyOffset). */
function apacheFinds(disk: TestDisk, slots: number, key: string, beginMs: number, endMs: number, maxCount: number) {
  const hash = indexKeyHash(key)
  const found: number[] = []
  for (const path of disk.files(DIRECTORY).reverse()) {
    const bytes = disk.bytes(path)
    const [begin, end] = [Number(bytes.readBigInt64BE(0)), Number(bytes.readBigInt64BE(8))]
    const count = Math.max(1, bytes.readInt32BE(36))
    const matches =
      (beginMs < begin && endMs > end) || (beginMs >= begin && beginMs <= end) || (endMs >= begin && endMs <= end)
    let number = bytes.readInt32BE(40 + (hash % slots) * 4)
    if (!matches || number <= 0 || number > count || count <= 1) number = 0
    while (number > 0 && found.length < maxCount) {
      const at = 40 + slots * 4 + number * 20
      const time = begin + bytes.readInt32BE(at + 12) * 1000
      if (bytes.readInt32BE(at) === hash && time >= beginMs && time <= endMs)
        found.push(Number(bytes.readBigInt64BE(at + 4)))
      const previous = bytes.readInt32BE(at + 16)
      if (previous <= 0 || previous > count || previous === number || time < beginMs) break
      number = previous
    }
    if (begin < beginMs || found.length >= maxCount) break
  }
  return found
}

describe('the bytes', () => {
  test('header, slots and entries, big-endian, in a file of full length named by local time', async () => {
    const disk = new TestDisk()
    const index = await open(disk)
    index.put('t', 'k1', ' k2  k1 ', 0x1_0000_0010, NOW)
    index.put('t', undefined, 'k2', 0x1_0000_0200, NOW + 2999)
    index.put('t', undefined, undefined, 0x1_0000_0300, NOW + 5000)
    expect(await index.flush()).toEqual({ storeTimestamp: NOW + 5000, physicalOffset: 0x1_0000_0200 })
    expect(disk.files()).toEqual([`${DIRECTORY}/20240305131415016`])
    const expected = Buffer.alloc(40 + 7 * 4 + 21 * 20)
    expected.writeBigInt64BE(BigInt(NOW), 0)
    expected.writeBigInt64BE(BigInt(NOW + 2999), 8)
    expected.writeBigInt64BE(0x1_0000_0010n, 16)
    expected.writeBigInt64BE(0x1_0000_0200n, 24)
    const [h1, h2] = [indexKeyHash('t#k1'), indexKeyHash('t#k2')]
    expect(h1 % 7).not.toBe(h2 % 7)
    expected.writeInt32BE(2, 32)
    expected.writeInt32BE(5, 36)
    expected.writeInt32BE(3, 40 + (h1 % 7) * 4)
    expected.writeInt32BE(4, 40 + (h2 % 7) * 4)
    const entry = (number: number, hash: number, offset: bigint, seconds: number, previous: number) => {
      const at = 40 + 7 * 4 + number * 20
      expected.writeInt32BE(hash, at)
      expected.writeBigInt64BE(offset, at + 4)
      expected.writeInt32BE(seconds, at + 12)
      expected.writeInt32BE(previous, at + 16)
    }
    entry(1, h1, 0x1_0000_0010n, 0, 0)
    entry(2, h2, 0x1_0000_0010n, 0, 0)
    entry(3, h1, 0x1_0000_0010n, 0, 1)
    entry(4, h2, 0x1_0000_0200n, 2, 2)
    expect(disk.bytes(disk.files()[0]!).toString('hex')).toBe(expected.toString('hex'))
    await index.close()
    expect(disk.openHandles).toBe(0)
  })

  test('a clock that went back gives 0 seconds, the far future the largest int', async () => {
    const disk = new TestDisk()
    const index = await open(disk)
    index.put('t', 'a', undefined, 1, NOW)
    index.put('t', 'a', undefined, 2, NOW - 5000)
    index.put('t', 'a', undefined, 3, NOW + 2 ** 31 * 1000 + 5000)
    await index.close()
    const bytes = disk.bytes(disk.files()[0]!)
    expect([1, 2, 3].map(number => bytes.readInt32BE(40 + 28 + number * 20 + 12))).toEqual([0, 0, 0x7fffffff])
  })

  test('a full file (maxIndexNum - 1 entries) is followed by one with a later name', async () => {
    const disk = new TestDisk()
    const index = await open(disk)
    for (let i = 0; i < 50; i++) index.put('t', 'k', undefined, i * 10, NOW + i)
    expect(await find(index, 'k')).toEqual(Array.from({ length: 50 }, (_, i) => (49 - i) * 10))
    await index.flush()
    expect(disk.files().map(path => path.slice(-17))).toEqual([
      '20240305131415016',
      '20240305131415017',
      '20240305131415018',
    ])
    expect(disk.files().map(path => disk.bytes(path).readInt32BE(36))).toEqual([21, 21, 11])
    expect(await find(index, 'k')).toEqual(Array.from({ length: 50 }, (_, i) => (49 - i) * 10))
    // The clock is an hour back: the new file still sorts last.
    const again = await open(disk, {}, NOW - 3_600_000)
    for (let i = 50; i < 70; i++) again.put('t', 'k', undefined, i * 10, NOW + i)
    await again.close()
    expect(disk.files().at(-1)).toBe(`${DIRECTORY}/20240305131415019`)
    expect(await find(await open(disk), 'k', 3)).toEqual([690, 680, 670])
  })
})

describe('queries', () => {
  test('newest first, both ends of the time range included, no more than asked', async () => {
    const index = await open(new TestDisk())
    for (let i = 0; i < 60; i++) index.put('t', i % 2 ? 'odd' : 'even', undefined, 100 + i, NOW + i * 1000)
    for (const flushed of [false, true]) {
      if (flushed) await index.flush()
      expect(await find(index, 'odd', 3)).toEqual([159, 157, 155])
      expect(await find(index, 'even', 100, NOW + 10_000, NOW + 16_000)).toEqual([116, 114, 112, 110])
      expect(await find(index, 'even', 100, NOW + 58_000)).toEqual([158])
      expect(await find(index, 'even', 100, NOW + 60_000)).toEqual([])
      expect(await find(index, 'even', 100, 0, NOW - 1)).toEqual([])
      expect(await find(index, 'even', 100, 0, NOW)).toEqual([100])
      expect(await find(index, 'even', 0)).toEqual([])
      expect(await find(index, 'never', 10)).toEqual([])
      expect((await index.query('other', 'odd', 10, 0, EVER)).physicalOffsets).toEqual([])
    }
    expect(await index.query('t', 'odd', 1, 0, EVER)).toEqual({
      physicalOffsets: [159],
      indexLastUpdateTimestamp: NOW + 59_000,
      indexLastUpdatePhysicalOffset: 159,
    })
  })

  test('an empty index answers with nothing', async () => {
    const index = await open(new TestDisk())
    expect(await index.query('t', 'k', 10, 0, EVER)).toEqual({
      physicalOffsets: [],
      indexLastUpdateTimestamp: 0,
      indexLastUpdatePhysicalOffset: 0,
    })
    expect(await index.flush()).toEqual({ storeTimestamp: 0, physicalOffset: -1 })
    expect(index.lastPhysicalOffset).toBe(-1)
  })

  test('a message at physical offset 0 is found', async () => {
    const disk = new TestDisk()
    const index = await open(disk)
    index.put('t', 'k', undefined, 0, NOW)
    index.put('t', 'k', undefined, 0, NOW)
    expect(await find(index, 'k')).toEqual([0])
    await index.close()
    const again = await open(disk)
    again.put('t', 'k', undefined, 0, NOW)
    expect(await find(again, 'k')).toEqual([0])
  })

  test('a damaged chain ends the walk instead of going in circles', async () => {
    const disk = new TestDisk()
    const index = await open(disk)
    for (let i = 0; i < 20; i++) index.put('t', 'k', undefined, i, NOW)
    await index.close()
    const bytes = disk.bytes(disk.files()[0]!)
    bytes.writeInt32BE(17, 40 + 28 + 15 * 20 + 16)
    expect(await find(await open(disk), 'k')).toEqual([19, 18, 17, 16, 15, 14])
    bytes.writeInt32BE(15, 40 + 28 + 15 * 20 + 16)
    expect(await find(await open(disk), 'k')).toEqual([19, 18, 17, 16, 15, 14])
    bytes.writeInt32BE(-3, 40 + 28 + 15 * 20 + 16)
    expect(await find(await open(disk), 'k')).toEqual([19, 18, 17, 16, 15, 14])
  })

  test('handles stay few, and files that retention takes away meanwhile do no harm', async () => {
    const disk = new TestDisk()
    const index = await open(disk, { maxOpenFiles: 2 })
    for (let i = 0; i < 200; i++) index.put('t', 'k', undefined, i, NOW)
    await index.flush()
    const answers = Promise.all([find(index, 'k'), index.deleteBefore(150), find(index, 'k')])
    const [first, , second] = await answers
    for (const found of [first, second])
      expect(found.slice(0, 60)).toEqual(Array.from({ length: 60 }, (_, i) => 199 - i))
    expect(disk.openHandles).toBeLessThanOrEqual(2)
    await index.close()
    expect(disk.openHandles).toBe(0)
  })
})

describe('files', () => {
  test('deleteBefore removes files that end below the log start, never the last', async () => {
    const disk = new TestDisk()
    const index = await open(disk)
    for (let i = 0; i < 50; i++) index.put('t', 'k', undefined, i * 10, NOW)
    await index.flush()
    await index.deleteBefore(190)
    expect(disk.files()).toHaveLength(3)
    await index.deleteBefore(191)
    expect(disk.files()).toHaveLength(2)
    await index.deleteBefore(10_000)
    expect(disk.files()).toHaveLength(1)
    expect((await find(index, 'k')).length).toBe(10)
  })

  test('truncate drops what the log lost, and the offsets may be used again', async () => {
    for (let end = 0; end <= 51; end++) {
      const disk = new TestDisk()
      const index = await open(disk)
      for (let i = 0; i < 50; i++) index.put('t', `k${i % 5}`, i % 3 ? undefined : 'all', i * 10, NOW + i * 1000)
      if (end % 2) await index.flush()
      await index.truncate(end * 10)
      const left = Math.min(50, end)
      expect(index.lastPhysicalOffset).toBe(left === 0 ? -1 : (left - 1) * 10)
      for (let i = end; i < 60; i++) index.put('t', `k${i % 5}`, i % 3 ? undefined : 'all', i * 10, NOW + i * 1000)
      const wanted = (matches: (i: number) => boolean) =>
        Array.from({ length: 60 }, (_, i) => 59 - i)
          .filter(i => (i < left || i >= end) && matches(i))
          .map(i => i * 10)
      for (const flushed of [false, true]) {
        if (flushed) await index.close()
        const now = flushed ? await open(disk) : index
        for (let k = 0; k < 5; k++) expect(await find(now, `k${k}`)).toEqual(wanted(i => i % 5 === k))
        expect(await find(now, 'all')).toEqual(wanted(i => i % 3 === 0))
      }
      expect(apacheFinds(disk, 7, 't#all', 0, EVER, 1000)).toEqual(wanted(i => i % 3 === 0))
    }
  })

  test('a file of the wrong length stops the start; other names are left alone; what a crash made short goes', async () => {
    const disk = new TestDisk()
    const index = await open(disk)
    index.put('t', 'k', undefined, 1, NOW)
    await index.close()
    for (const name of ['README', '20250101000000000'])
      await (await disk.open(`${DIRECTORY}/${name}`, 'create')).close()
    await expect(open(disk, { maxIndexNum: 22 })).rejects.toThrow(
      '/store/index/20240305131415016 has 488 bytes; maxHashSlotNum 7 and maxIndexNum 22 make 508',
    )
    expect(await find(await open(disk), 'k')).toEqual([1])
    expect(disk.files()).toEqual([`${DIRECTORY}/20240305131415016`, `${DIRECTORY}/README`])
    await expect(open(disk, { maxHashSlotNum: 0 })).rejects.toThrow('maxHashSlotNum is 0; allowed are integers from 1')
    await expect(open(disk, { maxIndexNum: 1 })).rejects.toThrow('maxIndexNum is 1; allowed are integers from 2')
  })

  test('after a crash, a file newer than the checkpoint that is not in order is dropped', async () => {
    const make = async () => {
      const disk = new TestDisk()
      const index = await open(disk, { maxHashSlotNum: 2000, maxIndexNum: 500 })
      for (let i = 0; i < 300; i++) index.put('t', `k${i}`, undefined, i * 10, NOW + i * 1000)
      await index.close()
      return disk
    }
    const options = { maxHashSlotNum: 2000, maxIndexNum: 500, checkpointTimestamp: NOW + 250_000 }
    const slot = (key: string) => 40 + (indexKeyHash(`t#${key}`) % 2000) * 4
    const damages: ((bytes: Buffer) => unknown)[] = [
      bytes => bytes.writeInt32BE(0, slot('k3')),
      bytes => bytes.writeInt32BE(1, slot('k299')),
      bytes => bytes.fill(0, 40 + 8000 + 280 * 20, 40 + 8000 + 281 * 20),
      bytes => bytes.writeInt32BE(1000, 36),
      bytes => bytes.writeInt32BE(290, 36),
    ]
    for (const damage of damages) {
      const disk = await make()
      const whole = await open(disk, options)
      expect(await find(whole, 'k299')).toEqual([2990])
      damage(disk.bytes(disk.files()[0]!))
      const index = await open(disk, options)
      expect([index.lastPhysicalOffset, ...disk.files()]).toEqual([-1])
      // Older than the checkpoint: as Apache, believed.
      const old = await make()
      damage(old.bytes(old.files()[0]!))
      expect((await open(old, { ...options, checkpointTimestamp: EVER })).lastPhysicalOffset).not.toBe(-1)
    }
  })
})

describe('failures', () => {
  test('a flush that fails keeps everything for the next one', async () => {
    for (let failing = 0; failing < 14; failing++) {
      const disk = new TestDisk()
      const index = await open(disk)
      for (let i = 0; i < 30; i++) index.put('t', `k${i % 3}`, undefined, i, NOW)
      let calls = failing
      disk.fault = () => (--calls < 0 ? 'ENOSPC' : undefined)
      await expect(index.flush()).rejects.toThrow(DiskError)
      disk.fault = () => undefined
      for (let i = 30; i < 45; i++) index.put('t', `k${i % 3}`, undefined, i, NOW)
      await index.flush()
      expect(index.dirtyBytes).toBe(0)
      disk.crash(() => 0.9)
      const again = await open(disk, { checkpointTimestamp: 0 })
      for (let k = 0; k < 3; k++)
        expect(await find(again, `k${k}`)).toEqual(Array.from({ length: 15 }, (_, i) => (14 - i) * 3 + k))
    }
  })

  test('says when 16 MiB wait to be flushed, once', async () => {
    const index = await open(new TestDisk(), { maxIndexNum: 2_000_000, maxHashSlotNum: 1000 })
    let calls = 0
    index.onNeedsFlush = () => calls++
    for (let i = 0; i < 850_000; i++) index.put('t', 'k', undefined, i, NOW)
    expect([calls, index.needsFlush]).toEqual([1, true])
  })
})

/**
 * Messages are indexed and flushed now and then, some while a flush is under way; the power is cut or the process killed at
 * one disk call; the log may have lost its end. What is found afterwards must be what a list finds.
 */
async function survive(seed: number): Promise<void> {
  const roll = dice(seed)
  const disk = new TestDisk()
  const shape = { maxHashSlotNum: [3, 50, 3000][seed % 3]!, maxIndexNum: [8, 40, 700][Math.floor(seed / 3) % 3]! }
  let log: { physical: number; time: number; uniqKey: string | undefined; keys: string | undefined }[] = []
  let physical = 0
  let time = NOW
  let checkpoint = 0
  let index = await open(disk, shape)
  const put = (entry: (typeof log)[number]) => index.put('t', entry.uniqKey, entry.keys, entry.physical, entry.time)
  const more = () => {
    for (let i = Math.floor(roll() * 30); i > 0; i--) {
      time += Math.floor(roll() * 900)
      const entry = {
        physical,
        time,
        uniqKey: roll() < 0.9 ? `u${Math.floor(roll() * 9)}` : undefined,
        keys: roll() < 0.3 ? `a  b${Math.floor(roll() * 3)}` : undefined,
      }
      physical += 100
      log.push(entry)
      put(entry)
    }
  }
  for (let life = 0; life < 4; life++) {
    let calls = Math.floor(roll() * 120)
    disk.fault = () => (--calls < 0 ? 'EIO' : undefined)
    for (let step = 0; step < 10 && calls >= 0; step++) {
      more()
      const flushing = index.flush().then(
        ({ storeTimestamp }) => {
          checkpoint = storeTimestamp
        },
        () => {},
      )
      for (let wait = Math.floor(roll() * 40); wait > 0; wait--) {
        await null
        if (wait % 13 === 0) more()
      }
      await flushing
    }
    disk.fault = () => undefined
    const cut = roll() < 0.6
    if (cut) disk.crash(roll)
    // A power cut may take the end of the log too, and the index may know of it.
    const end = cut && roll() < 0.5 ? Math.max(0, physical - Math.floor(roll() * 20) * 100) : physical
    log = log.filter(entry => entry.physical < end)
    physical = end
    index = await open(disk, { ...shape, checkpointTimestamp: checkpoint })
    await index.truncate(end)
    const last = index.lastPhysicalOffset
    // Nothing that a flush had made safe is to be indexed again.
    expect(
      log.filter(entry => entry.physical > last && entry.time < checkpoint && (entry.uniqKey ?? entry.keys)),
    ).toEqual([])
    for (const entry of log) if (entry.physical > last || roll() < 0.1) put(entry)
  }
  const entries: { file: number; key: string; physical: number; time: number }[] = []
  for (const { physical, time, uniqKey, keys } of log)
    for (const key of [uniqKey, ...(keys?.split(' ') ?? [])])
      if (key) entries.push({ file: Math.floor(entries.length / (shape.maxIndexNum - 1)), key, physical, time })
  const begins = new Map<number, number>()
  for (const { file, time } of entries) if (!begins.has(file)) begins.set(file, time)
  const keys = [...new Set(entries.map(entry => entry.key)), 'none']
  for (const stage of ['in memory', 'closed', 'opened']) {
    if (stage === 'closed') await index.close()
    if (stage === 'opened') index = await open(disk, shape)
    for (const key of keys) {
      const beginMs = roll() < 0.5 ? 0 : NOW + Math.floor(roll() * (time - NOW))
      const endMs = roll() < 0.5 ? EVER : beginMs + Math.floor(roll() * (time - NOW))
      const maxCount = roll() < 0.5 ? 1000 : 1 + Math.floor(roll() * 10)
      const hash = indexKeyHash(`t#${key}`)
      if (stage === 'closed') {
        const apache = apacheFinds(disk, shape.maxHashSlotNum, `t#${key}`, beginMs, endMs, maxCount)
        const ours = await (await open(disk, shape)).query('t', key, maxCount, beginMs, endMs)
        expect(ours.physicalOffsets).toEqual(apache)
        continue
      }
      const expected = entries
        .filter(entry => {
          const begin = begins.get(entry.file)!
          const seconds = begin + Math.floor((entry.time - begin) / 1000) * 1000
          return indexKeyHash(`t#${entry.key}`) === hash && seconds >= beginMs && seconds <= endMs
        })
        .map(entry => entry.physical)
        .reverse()
        .slice(0, maxCount)
      expect(await find(index, key, maxCount, beginMs, endMs)).toEqual(expected)
    }
  }
}

test('finds what a list finds after a power cut or a kill at any disk call', async () => {
  for (let seed = 0; seed < 40; seed++)
    await survive(seed).catch(error => {
      throw new Error(`seed ${seed}`, { cause: error })
    })
})
