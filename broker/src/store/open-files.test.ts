import { expect, test } from '@jest/globals'
import { DiskError, silentLog } from '@rocketcluster/world'
import { OpenFiles } from './open-files.ts'
import { TestDisk } from './test-disk.ts'

async function withFiles(names: string[]): Promise<TestDisk> {
  const disk = new TestDisk()
  for (const name of names) await (await disk.open(`/store/${name}`, 'create')).close()
  disk.calls = []
  return disk
}

const opens = (disk: TestDisk) => disk.calls.filter(call => call.what === 'open').map(call => call.path.slice(7))

test('the least recently used file is closed, one in use never', async () => {
  const disk = await withFiles(['a', 'b', 'c'])
  const files = new OpenFiles(disk, 2, silentLog)
  const touch = (name: string) => files.use(`/store/${name}`, async file => void (await file.size()))
  await touch('a')
  await touch('b')
  await touch('a')
  await touch('c')
  await touch('a')
  expect(opens(disk)).toEqual(['a', 'b', 'c'])
  await touch('b')
  expect(opens(disk)).toEqual(['a', 'b', 'c', 'b'])
  const waiting: (() => void)[] = []
  const busy = ['a', 'b', 'c'].map(name =>
    files.use(`/store/${name}`, async file => {
      await new Promise<void>(resolve => waiting.push(resolve))
      return file.size()
    }),
  )
  for (let i = 0; i < 20; i++) await null
  expect(files.size).toBe(3)
  for (const resolve of waiting) resolve()
  expect(await Promise.all(busy)).toEqual([0, 0, 0])
  expect(files.size).toBe(2)
  await files.close()
  expect(disk.openHandles).toBe(0)
})

test('two users share one open, and forget closes after the last one', async () => {
  const disk = await withFiles(['a'])
  const files = new OpenFiles(disk, 2, silentLog)
  let forgotten: Promise<void> | undefined
  await Promise.all([
    files.use('/store/a', async () => {
      forgotten = files.forget('/store/')
    }),
    files.use('/store/a', async file => {
      for (let i = 0; i < 10; i++) await null
      expect(await file.size()).toBe(0)
    }),
  ])
  await forgotten
  await new Promise(resolve => setImmediate(resolve))
  expect([opens(disk), files.size, disk.openHandles]).toEqual([['a'], 0, 0])
})

test('a file that cannot be opened is asked for again next time', async () => {
  const disk = await withFiles(['a'])
  const files = new OpenFiles(disk, 2, silentLog)
  disk.fault = () => 'EMFILE'
  await expect(files.use('/store/a', async () => {})).rejects.toThrow(DiskError)
  disk.fault = () => undefined
  expect(await files.use('/store/a', file => file.size())).toBe(0)
  await files.close()
  expect(() => new OpenFiles(disk, 0, silentLog)).toThrow('maxOpenFiles is 0; allowed are integers from 1')
})
