import { describe, expect, test } from '@jest/globals'
import { DiskError, silentLog } from '@rocketcluster/world'
import fc from 'fast-check'
import { ConsumeQueues, type ConsumeQueuesOptions } from './consume-queues.ts'
import { dice, TestDisk, testWorld } from './test-disk.ts'

const DIRECTORY = '/store/consumequeue'

function open(disk: TestDisk, options: Partial<ConsumeQueuesOptions> = {}): Promise<ConsumeQueues> {
  return ConsumeQueues.open(testWorld(disk), {
    directory: DIRECTORY,
    fileSizeBytes: 100,
    maxOpenFiles: 4,
    log: silentLog,
    ...options,
  })
}

async function unit(queues: ConsumeQueues, topic: string, queueId: number, offset: number) {
  const { count, buffer, start } = await queues.read(topic, queueId, offset, 1)
  if (count === 0) return undefined
  const bytes = Buffer.from(buffer.buffer, buffer.byteOffset + start, 20)
  return [Number(bytes.readBigInt64BE(0)), bytes.readInt32BE(8), Number(bytes.readBigInt64BE(12))]
}

async function units(queues: ConsumeQueues, topic: string, queueId: number, from = 0) {
  const all: (readonly [number, number, number])[] = []
  for (let offset = from; ; ) {
    const { count, buffer, start } = await queues.read(topic, queueId, offset, 1000)
    if (count === 0) return all
    for (let i = 0; i < count; i++) {
      const bytes = Buffer.from(buffer.buffer, buffer.byteOffset + start + i * 20, 20)
      all.push([Number(bytes.readBigInt64BE(0)), bytes.readInt32BE(8), Number(bytes.readBigInt64BE(12))])
    }
    offset += count
  }
}

/** What Apache makes of a queue's files when it starts (ConsumeQueue.java#load, #recover): bytes of its end, or a refusal. */
function apacheEnd(disk: TestDisk, directory: string, fileSizeBytes: number): number {
  const files = disk.files(`${directory}`).filter(path => path.startsWith(`${directory}/`))
  for (const path of files) if (disk.bytes(path).length !== fileSizeBytes) throw new Error(`length of ${path}`)
  if (files.length === 0) return 0
  for (let index = Math.max(0, files.length - 3); ; index++) {
    const bytes = disk.bytes(files[index]!)
    let at = 0
    while (at < fileSizeBytes && bytes.readBigInt64BE(at) >= 0n && bytes.readInt32BE(at + 8) > 0) at += 20
    if (at < fileSizeBytes || index === files.length - 1) return Number(files[index]!.slice(-20)) + at
  }
}

describe('the bytes', () => {
  test('an entry is physicalOffset 8, size 4, tagsCode 8, big-endian, in a file of full length', async () => {
    const disk = new TestDisk()
    const queues = await open(disk)
    queues.put('orders', 3, 0, 0x1_2345_6789, 0x01020304, -2)
    queues.put('orders', 3, 1, 0x1_2345_678a + 0x01020304, 5, 1_700_000_000_000)
    await queues.close()
    expect(disk.files()).toEqual([`${DIRECTORY}/orders/3/00000000000000000000`])
    const second = (0x1_2345_678a + 0x01020304).toString(16).padStart(16, '0')
    const tags = (1_700_000_000_000).toString(16).padStart(16, '0')
    expect(disk.bytes(`${DIRECTORY}/orders/3/00000000000000000000`).toString('hex')).toBe(
      `0000000123456789${'01020304'}fffffffffffffffe${second}00000005${tags}`.padEnd(200, '0'),
    )
    expect(disk.openHandles).toBe(0)
  })

  test('a queue that begins above 0 gets blanks (0, 2^31-1, 0) from the start of its first file', async () => {
    const disk = new TestDisk()
    const queues = await open(disk)
    queues.put('t', 0, 8, 1000, 10, 7)
    expect([queues.minOffset('t', 0), queues.maxOffset('t', 0), queues.nextOffset('t', 0)]).toEqual([8, 9, 9])
    await queues.flush()
    expect(disk.files()).toEqual([`${DIRECTORY}/t/0/00000000000000000100`])
    const blank = '00000000000000007fffffff0000000000000000'
    expect(disk.bytes(disk.files()[0]!).toString('hex')).toBe(
      `${blank.repeat(3)}00000000000003e80000000a0000000000000007`.padEnd(200, '0'),
    )
    for (const lastExitOk of [true, false]) {
      const again = await open(disk, { lastExitOk })
      expect([again.minOffset('t', 0), again.maxOffset('t', 0), again.maxPhysicalOffset]).toEqual([8, 9, 1010])
      expect(await unit(again, 't', 0, 7)).toBeUndefined()
      expect(await unit(again, 't', 0, 8)).toEqual([1000, 10, 7])
    }
  })

  test('a full file is followed by one whose name is the byte offset', async () => {
    const disk = new TestDisk()
    const queues = await open(disk)
    for (let i = 0; i < 12; i++) queues.put('t', 0, i, i * 10, 10, i)
    await queues.close()
    expect(disk.files().map(path => path.slice(-20))).toEqual(
      [0, 100, 200].map(start => String(start).padStart(20, '0')),
    )
    expect(apacheEnd(disk, `${DIRECTORY}/t/0`, 100)).toBe(240)
    const again = await open(disk, { lastExitOk: true })
    expect(await units(again, 't', 0)).toEqual(Array.from({ length: 12 }, (_, i) => [i * 10, 10, i]))
  })
})

describe('memory', () => {
  test('offsets are assigned ahead of the entries and can be taken back', async () => {
    const queues = await open(new TestDisk())
    expect(queues.nextOffset('t', 0)).toBe(0)
    expect(queues.has('t', 0)).toBe(false)
    expect(queues.assign('t', 0)).toBe(0)
    expect(queues.assign('t', 0, 3)).toBe(1)
    expect([queues.nextOffset('t', 0), queues.maxOffset('t', 0)]).toEqual([4, 0])
    queues.put('t', 0, 0, 0, 10, 0)
    queues.resetNextOffset('t', 0, 2)
    expect(queues.nextOffset('t', 0)).toBe(2)
    queues.resetNextOffset('t', 0, 0)
    expect(queues.nextOffset('t', 0)).toBe(1)
    queues.resetNextOffset('t', 0, 9)
    expect(queues.nextOffset('t', 0)).toBe(1)
  })

  test('an entry that is there already is ignored, a missing one is an error', async () => {
    const queues = await open(new TestDisk())
    queues.put('t', 0, 0, 100, 10, 1)
    queues.put('t', 0, 1, 110, 10, 2)
    queues.put('t', 0, 0, 100, 10, 9)
    queues.put('t', 0, 1, 110, 10, 9)
    queues.put('t', 0, 2, 105, 10, 9)
    expect(await units(queues, 't', 0)).toEqual([
      [100, 10, 1],
      [110, 10, 2],
    ])
    expect(() => queues.put('t', 0, 3, 200, 10, 1)).toThrow(
      'queue t-0 got entry 3; the next one is 2: entries are missing in between',
    )
    expect(queues.maxOffset('t', 0)).toBe(2)
  })

  test('what memory has is read at once, before and after the flush, and a view stays as it was', async () => {
    const queues = await open(new TestDisk(), { fileSizeBytes: 2_000_000 })
    for (let i = 0; i < 10; i++) queues.put('t', 0, i, i * 10, 10, 0)
    const view = queues.read('t', 0, 2, 100)
    if (view instanceof Promise) throw new Error('not at once')
    expect(view.count).toBe(8)
    for (let i = 10; i < 20_000; i++) queues.put('t', 0, i, i * 10, 10, 0)
    expect(Buffer.from(view.buffer).readBigInt64BE(view.start)).toBe(20n)
    await queues.flush()
    expect(queues.read('t', 0, 19_000, 1000)).not.toBeInstanceOf(Promise)
    expect(queues.read('t', 0, 0, 1000)).toBeInstanceOf(Promise)
    expect(await units(queues, 't', 0)).toHaveLength(20_000)
    await queues.flush()
    // Idle since the last flush: memory is given back.
    expect(queues.read('t', 0, 19_999, 1)).toBeInstanceOf(Promise)
    expect(await unit(queues, 't', 0, 19_999)).toEqual([199_990, 10, 0])
  })

  test('says when 16 MiB wait to be flushed, once', async () => {
    const queues = await open(new TestDisk(), { fileSizeBytes: 40_000_000 })
    let calls = 0
    queues.onNeedsFlush = () => calls++
    const most = (16 * 1024 * 1024) / 20
    for (let i = 0; i < most + 100; i++) queues.put('t', 0, i, i * 10, 10, 0)
    expect([calls, queues.needsFlush, queues.dirtyBytes]).toEqual([1, true, Math.floor(most + 100) * 20 + 20])
    await queues.flush()
    expect([calls, queues.needsFlush, queues.dirtyBytes]).toEqual([1, false, 0])
  })

  test('a name that is no directory is refused', async () => {
    const queues = await open(new TestDisk())
    for (const topic of ['', '..', 'a/b'])
      expect(() => queues.assign(topic, 0)).toThrow('cannot be the name of a directory')
    for (const queueId of [-1, 1.5, 2 ** 31])
      expect(() => queues.assign('t', queueId)).toThrow('is not from 0 to 2147483647')
    expect([...queues.topics()]).toEqual([])
  })
})

describe('failures', () => {
  test('a flush that fails keeps everything for the next one; other queues are written', async () => {
    for (const what of ['open', 'truncate', 'write', 'sync', 'syncDirectory']) {
      const disk = new TestDisk()
      const queues = await open(disk)
      for (let i = 0; i < 7; i++) for (const topic of ['bad', 'good']) queues.put(topic, 0, i, i * 20, 10, 1)
      disk.fault = (call, path) => (call === what && path.includes('/bad') ? 'ENOSPC' : undefined)
      await expect(queues.flush()).rejects.toThrow(DiskError)
      expect(apacheEnd(disk, `${DIRECTORY}/good/0`, 100)).toBe(140)
      expect(await units(queues, 'bad', 0)).toHaveLength(7)
      if (what !== 'syncDirectory') expect(queues.dirtyBytes).toBe(140)
      queues.put('bad', 0, 7, 300, 10, 1)
      disk.fault = () => undefined
      await queues.flush()
      expect(queues.dirtyBytes).toBe(0)
      disk.crash(() => 0.9)
      const again = await open(disk)
      expect(again.maxOffset('bad', 0)).toBe(8)
      expect(again.maxOffset('good', 0)).toBe(7)
    }
  })

  test('a file of the wrong length or name stops the start, and nothing is changed', async () => {
    const disk = new TestDisk()
    const queues = await open(disk)
    for (let i = 0; i < 12; i++) queues.put('t', 0, i, i * 10, 10, i)
    for (let i = 0; i < 3; i++) queues.put('u', 0, i, i * 10, 10, i)
    await queues.close()
    const before = disk.files().map(path => [path, disk.bytes(path).toString('hex')])
    await expect(open(disk, { fileSizeBytes: 60 })).rejects.toThrow(/mappedFileSizeConsumeQueue is 60|Queue 60/)
    await expect(open(disk, { fileSizeBytes: 200 })).rejects.toThrow(/mappedFileSizeConsumeQueue is 200|Queue 200/)
    expect(disk.files().map(path => [path, disk.bytes(path).toString('hex')])).toEqual(before)
    await expect(open(disk, { fileSizeBytes: 90 })).rejects.toThrow('allowed are multiples of 20')
  })

  test('handles stay below maxOpenFiles', async () => {
    const disk = new TestDisk()
    const queues = await open(disk, { maxOpenFiles: 3 })
    for (let queueId = 0; queueId < 40; queueId++)
      for (let i = 0; i < 12; i++) queues.put('t', queueId, i, (queueId * 12 + i) * 10, 10, i)
    await queues.flush()
    await queues.flush()
    expect(disk.openHandles).toBeLessThanOrEqual(3)
    const reads = Array.from({ length: 40 }, (_, queueId) => units(queues, 't', queueId))
    for (const found of await Promise.all(reads)) expect(found).toHaveLength(12)
    await new Promise(resolve => setImmediate(resolve))
    expect(disk.openHandles).toBeLessThanOrEqual(3)
    await queues.close()
    expect(disk.openHandles).toBe(0)
  })
})

describe('after a crash', () => {
  async function store(count: number, fileSizeBytes = 20_000): Promise<TestDisk> {
    const disk = new TestDisk()
    const queues = await open(disk, { fileSizeBytes })
    for (let i = 0; i < count; i++) queues.put('t', 0, i, i * 10, 10, i)
    await queues.close()
    return disk
  }
  const path = (start: number) => `${DIRECTORY}/t/0/${String(start).padStart(20, '0')}`

  test('a hole ends the queue, and what lies behind is gone for good', async () => {
    for (const hole of [0, 1, 203, 204, 205, 999]) {
      const disk = await store(1000)
      disk.bytes(path(0)).fill(0, hole * 20, hole * 20 + 20)
      const queues = await open(disk, { fileSizeBytes: 20_000 })
      expect(queues.maxOffset('t', 0)).toBe(hole)
      await queues.close()
      if (hole > 0)
        expect(
          disk
            .bytes(path(0))
            .subarray(hole * 20)
            .equals(Buffer.alloc(20_000 - hole * 20)),
        ).toBe(true)
    }
  })

  test('an entry older than the one before it ends the queue', async () => {
    const disk = await store(600)
    disk.bytes(path(0)).writeBigInt64BE(7n, 500 * 20)
    expect((await open(disk, { fileSizeBytes: 20_000 })).maxOffset('t', 0)).toBe(500)
  })

  test('what is behind the trusted offset is dropped, however it looks', async () => {
    for (const trusted of [0, 5, 10, 1990, 2000, 2040, 2050, 5555, 9990, 100_000]) {
      const disk = await store(1000)
      // Junk that looks older, at the beginning of a probe.
      if (trusted < 5000) disk.bytes(path(0)).writeBigInt64BE(3n, 612 * 20)
      const queues = await open(disk, { fileSizeBytes: 20_000, trustedPhysicalOffset: trusted })
      expect(queues.maxOffset('t', 0)).toBe(Math.min(1000, Math.floor(trusted / 10)))
    }
  })

  test('a short last file is brought to its length; a later file without an entry goes', async () => {
    const disk = await store(7, 100)
    const last = disk.bytes(path(100))
    const inode = await disk.open(path(100), 'readWrite')
    await inode.truncate(30)
    await inode.close()
    const queues = await open(disk)
    expect(queues.maxOffset('t', 0)).toBe(6)
    expect(disk.bytes(path(100)).length).toBe(100)
    expect(last.length).toBe(100)
    disk.bytes(path(100)).fill(0)
    expect((await open(disk)).maxOffset('t', 0)).toBe(5)
    expect(disk.files()).toEqual([path(0)])
  })

  test('a queue with a missing file begins behind it', async () => {
    const disk = await store(22, 100)
    await disk.remove(path(100))
    const queues = await open(disk, { lastExitOk: true })
    expect([queues.minOffset('t', 0), queues.maxOffset('t', 0)]).toEqual([10, 22])
    expect(disk.files()).toContain(path(0))
  })

  test('entries put again are ignored, the rest is added', async () => {
    const disk = await store(50, 100)
    const queues = await open(disk)
    for (let i = 30; i < 60; i++) queues.put('t', 0, i, i * 10, 10, i)
    expect(await units(queues, 't', 0)).toEqual(Array.from({ length: 60 }, (_, i) => [i * 10, 10, i]))
    await queues.close()
    expect(apacheEnd(disk, `${DIRECTORY}/t/0`, 100)).toBe(1200)
  })

  /**
   * Entries go into three queues and are flushed now and then; the power is cut, or the process killed, at one disk call; the store opens again,
   * gets everything behind the last good flush once more, and must be what it would be without the cut.
   */
  async function survive(seed: number, trustOffset: boolean): Promise<void> {
    const roll = dice(seed)
    const disk = new TestDisk()
    const fileSizeBytes = [60, 100, 6000][seed % 3]!
    const log: [topic: string, queueId: number, queueOffset: number, physical: number, size: number, tag: number][] = []
    const counts = new Map<string, number>()
    let physical = 0
    const begin = seed % 4 === 0 ? 17 : 0
    let safe = 0
    for (let life = 0; life < 4; life++) {
      const trust = life === 0 ? {} : trustOffset ? { trustedPhysicalOffset: safe } : {}
      const queues = await open(disk, { fileSizeBytes, ...trust })
      await queues.truncate(safe)
      for (const put of log) if (put[3] >= safe) queues.put(...put)
      let calls = Math.floor(roll() * 60)
      disk.fault = () => (--calls < 0 ? 'EIO' : undefined)
      for (let step = 0; step < 12 && calls >= 0; step++) {
        const burst = Math.floor(roll() * (fileSizeBytes / 8))
        for (let i = 0; i < burst; i++) {
          const queueId = Math.floor(roll() * 3)
          const key = `${queueId}`
          const queueOffset = counts.get(key) ?? (queueId === 1 ? begin : 0)
          counts.set(key, queueOffset + 1)
          const size = 90 + Math.floor(roll() * 100)
          const put: (typeof log)[number] = ['t', queueId, queueOffset, physical, size, Math.floor(roll() * 1000) - 500]
          physical += size
          log.push(put)
          queues.put(...put)
        }
        const end = physical
        await queues.flush().then(
          () => {
            safe = end
          },
          () => {},
        )
      }
      disk.fault = () => undefined
      // Else only the process died: the kernel still has everything.
      if (roll() < 0.7) disk.crash(roll)
    }
    const queues = await open(disk, { fileSizeBytes, ...(trustOffset ? { trustedPhysicalOffset: safe } : {}) })
    await queues.truncate(safe)
    for (const put of log) if (put[3] >= safe) queues.put(...put)
    for (let queueId = 0; queueId < 3; queueId++) {
      const expected = log.filter(put => put[1] === queueId).map(put => [put[3], put[4], put[5]])
      expect(await units(queues, 't', queueId, queues.minOffset('t', queueId))).toEqual(expected)
    }
    await queues.close()
    for (let queueId = 0; queueId < 3; queueId++)
      expect(apacheEnd(disk, `${DIRECTORY}/t/${queueId}`, fileSizeBytes)).toBe(queues.maxOffset('t', queueId) * 20)
    const again = await open(disk, { fileSizeBytes, lastExitOk: true })
    for (let queueId = 0; queueId < 3; queueId++) {
      const expected = log.filter(put => put[1] === queueId).map(put => [put[3], put[4], put[5]])
      expect(await units(again, 't', queueId, again.minOffset('t', queueId))).toEqual(expected)
    }
  }

  test('a power cut at any disk call loses nothing that a flush had made safe', async () => {
    for (let seed = 0; seed < 100; seed++) {
      await survive(seed, true).catch(error => {
        throw new Error(`seed ${seed}, with the trusted offset`, { cause: error })
      })
      await survive(seed, false).catch(error => {
        throw new Error(`seed ${seed}, by scanning`, { cause: error })
      })
    }
  })
})

describe('retention', () => {
  async function filled(): Promise<[TestDisk, ConsumeQueues]> {
    const disk = new TestDisk()
    const queues = await open(disk)
    for (let i = 0; i < 23; i++) queues.put('t', 0, i, 1000 + i * 10, 10, i)
    queues.put('old', 0, 0, 0, 10, 0)
    await queues.flush()
    await queues.flush()
    return [disk, queues]
  }

  test('minOffset is the first entry at or above the log start; whole files below it go, never the last', async () => {
    const [disk, queues] = await filled()
    const names = () => disk.files(`${DIRECTORY}/t`).map(path => Number(path.slice(-20)))
    await queues.correctMin(1000)
    expect([queues.minOffset('t', 0), queues.minOffset('old', 0), queues.maxOffset('old', 0)]).toEqual([0, 1, 1])
    await queues.correctMin(1071)
    expect(queues.minOffset('t', 0)).toBe(8)
    expect(names()).toEqual([100, 200, 300, 400])
    expect(await unit(queues, 't', 0, 7)).toBeUndefined()
    expect(await unit(queues, 't', 0, 8)).toEqual([1080, 10, 8])
    await queues.correctMin(1200)
    expect([queues.minOffset('t', 0), ...names()]).toEqual([20, 400])
    await queues.correctMin(5000)
    expect([queues.minOffset('t', 0), queues.maxOffset('t', 0), ...names()]).toEqual([23, 23, 400])
    queues.put('t', 0, 23, 5000, 10, 0)
    await queues.correctMin(5000)
    expect(queues.minOffset('t', 0)).toBe(23)
    await queues.close()
    const again = await open(disk, { lastExitOk: true })
    await again.correctMin(5000)
    expect([again.minOffset('t', 0), again.maxOffset('t', 0), again.nextOffset('old', 0)]).toEqual([23, 24, 1])
  })

  test('entries that are not flushed count too', async () => {
    const queues = await open(new TestDisk())
    for (let i = 0; i < 23; i++) queues.put('t', 0, i, 1000 + i * 10, 10, i)
    await queues.correctMin(1111)
    expect(queues.minOffset('t', 0)).toBe(12)
    await queues.close()
  })

  test('truncate drops what reaches beyond the end of the log', async () => {
    for (let end = 995; end <= 1240; end += 5) {
      const [disk, queues] = await filled()
      await queues.truncate(end)
      const left = Math.max(0, Math.min(23, Math.floor((end - 1000) / 10)))
      expect([queues.maxOffset('t', 0), queues.nextOffset('t', 0)]).toEqual([left, left])
      expect(queues.maxPhysicalOffset).toBe(left === 0 ? 10 : 1000 + left * 10)
      expect(apacheEnd(disk, `${DIRECTORY}/t/0`, 100)).toBe(left * 20)
      for (const path of disk.files(`${DIRECTORY}/t`)) {
        const from = Math.min(100, Math.max(0, left * 20 - Number(path.slice(-20))))
        expect(
          disk
            .bytes(path)
            .subarray(from)
            .every(byte => byte === 0),
        ).toBe(true)
      }
      queues.put('t', 0, left, 2000, 10, 5)
      await queues.close()
      const again = await open(disk, { lastExitOk: true })
      expect(await unit(again, 't', 0, left)).toEqual([2000, 10, 5])
      expect(again.maxOffset('t', 0)).toBe(left + 1)
    }
  })

  test('a truncated queue never gives an offset twice when older files are gone', async () => {
    const [disk, queues] = await filled()
    await queues.correctMin(1200)
    await queues.truncate(1150)
    expect([queues.minOffset('t', 0), queues.maxOffset('t', 0), queues.assign('t', 0)]).toEqual([20, 20, 20])
    await queues.close()
    const again = await open(disk, { lastExitOk: true })
    expect(again.nextOffset('t', 0)).toBe(20)
    again.put('t', 0, 21, 3000, 10, 0)
    await again.close()
    expect((await open(disk)).minOffset('t', 0)).toBe(21)
  })

  test('deleteTopic forgets at once and removes the files; the topic may come back', async () => {
    const [disk, queues] = await filled()
    queues.put('t', 0, 23, 5000, 10, 0)
    const dirty = queues.dirtyBytes
    const deleted = queues.deleteTopic('t')
    expect([queues.has('t', 0), queues.dirtyBytes]).toEqual([false, dirty - 20])
    expect([...queues.topics()]).toEqual([{ topic: 'old', queueIds: [0] }])
    queues.put('t', 1, 0, 6000, 10, 1)
    await deleted
    await queues.flush()
    expect(disk.files()).toEqual([`${DIRECTORY}/old/0/${'0'.repeat(20)}`, `${DIRECTORY}/t/1/${'0'.repeat(20)}`])
    expect(queues.dirtyBytes).toBe(0)
    await queues.deleteTopic('unknown')
  })

  test('a topic that comes back before its files are removed keeps what it is given', async () => {
    const disk = new TestDisk()
    const queues = await open(disk)
    queues.put('a', 0, 0, 0, 10, 0)
    queues.put('b', 0, 0, 10, 10, 0)
    await queues.flush()
    const first = queues.deleteTopic('a')
    const flushed = queues.flush()
    const second = queues.deleteTopic('b')
    queues.put('b', 0, 0, 20, 10, 7)
    await Promise.all([first, flushed, second])
    queues.put('b', 0, 1, 30, 10, 7)
    await queues.close()
    const again = await open(disk, { lastExitOk: true })
    expect(await units(again, 'b', 0)).toEqual([
      [20, 10, 7],
      [30, 10, 7],
    ])
  })
})

test('agrees with a plain list under any order of operations', async () => {
  const operation = fc.oneof(
    fc.record({ do: fc.constant('put' as const), queueId: fc.nat(2), count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ do: fc.constant('flush' as const) }),
    fc.record({ do: fc.constant('flushLater' as const) }),
    fc.record({ do: fc.constant('reopen' as const), lastExitOk: fc.boolean() }),
    fc.record({ do: fc.constant('truncate' as const), share: fc.double({ min: 0.5, max: 1, noNaN: true }) }),
    fc.record({ do: fc.constant('correctMin' as const), share: fc.double({ min: 0, max: 0.7, noNaN: true }) }),
    fc.record({ do: fc.constant('deleteTopic' as const) }),
    fc.record({ do: fc.constant('fail' as const), at: fc.nat(20) }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { maxLength: 30 }),
      fc.constantFrom(40, 100, 8000),
      async (steps, fileSizeBytes) => {
        const disk = new TestDisk()
        let queues = await open(disk, { fileSizeBytes })
        let physical = 10
        let min = 0
        let model = [0, 1, 2].map(() => ({ first: 0, units: [] as [number, number, number][] }))
        for (const step of steps) {
          if (step.do === 'put') {
            const queue = model[step.queueId]!
            for (let i = 0; i < step.count; i++) {
              const entry: [number, number, number] = [physical, 10 + (i % 3), i - 5]
              queues.put('t', step.queueId, queue.first + queue.units.length, ...entry)
              queue.units.push(entry)
              physical += entry[1]
            }
          } else if (step.do === 'flush') await queues.flush()
          else if (step.do === 'flushLater') queues.flush().catch(() => {})
          else if (step.do === 'fail') {
            let calls = step.at
            disk.fault = () => (--calls < 0 ? 'EIO' : undefined)
            await queues.flush().catch(() => {})
            disk.fault = () => undefined
          } else if (step.do === 'reopen') {
            await queues.close()
            for (let queueId = 0; queueId < 3; queueId++)
              expect(apacheEnd(disk, `${DIRECTORY}/t/${queueId}`, fileSizeBytes)).toBe(
                20 * queues.maxOffset('t', queueId),
              )
            queues = await open(disk, { fileSizeBytes, lastExitOk: step.lastExitOk })
            await queues.correctMin(min)
          } else if (step.do === 'truncate') {
            const end = Math.max(min, Math.floor(physical * step.share))
            await queues.truncate(end)
            physical = end
            for (const [queueId, queue] of model.entries()) {
              queue.units = queue.units.filter(([offset, size]) => offset + size <= end)
              // A queue without any file begins anew; see the test above for one whose older files are gone.
              queue.first = queues.maxOffset('t', queueId) - queue.units.length
              expect(
                queue.units.length > 0 && queue.first !== queues.maxOffset('t', queueId) - queue.units.length,
              ).toBe(false)
            }
          } else if (step.do === 'correctMin') {
            min = Math.max(min, Math.floor(physical * step.share))
            await queues.correctMin(min)
            for (const queue of model) {
              const gone = queue.units.filter(([offset]) => offset < min).length
              queue.first += gone
              queue.units.splice(0, gone)
            }
          } else {
            await queues.deleteTopic('t')
            model = model.map(() => ({ first: 0, units: [] }))
          }
          for (const [queueId, queue] of model.entries()) {
            const max = queue.first + queue.units.length
            expect([queues.maxOffset('t', queueId), queues.nextOffset('t', queueId)]).toEqual([max, max])
            expect(queues.minOffset('t', queueId)).toBe(queue.first)
            expect(await units(queues, 't', queueId, queue.first)).toEqual(queue.units)
          }
        }
        await queues.close()
        expect(disk.openHandles).toBe(0)
      },
    ),
    { numRuns: 200 },
  )
})
