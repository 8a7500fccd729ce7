import { expect } from '@jest/globals'
import { DiskError, type DiskErrorCode } from '../disk.ts'
import type { World } from '../world.ts'

/** Runs a body in a fresh directory of a world; each world has its own. */
export type Contract = (name: string, body: (world: World, directory: string) => Promise<void>) => void

export async function expectDiskError(code: DiskErrorCode, promise: Promise<unknown>): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(DiskError)
  expect((error as DiskError).code).toBe(code)
}

const bytes = (text: string) => Buffer.from(text)
const text = (buffer: Uint8Array) => Buffer.from(buffer).toString()

/** What every Disk does, real or simulated. */
export function diskContract(contract: Contract): void {
  contract('write takes all buffers in order, read fills from a position', async ({ disk }, directory) => {
    const file = await disk.open(`${directory}/a`, 'create')
    await file.write([bytes('one'), bytes(''), bytes('two'), bytes('three')], 4)
    expect(await file.size()).toBe(15)
    const into = Buffer.alloc(20, 0xee)
    expect(await file.read(into, 2)).toBe(13)
    expect(text(into.subarray(0, 13))).toBe('\0\0onetwothree')
    expect(into[13]).toBe(0xee)
    expect(await file.read(into, 15)).toBe(0)
    expect(await file.read(into, 1000)).toBe(0)
    expect(await file.read(Buffer.alloc(0), 0)).toBe(0)
    await file.write([], 3)
    await file.write([bytes('')], 99)
    expect(await file.size()).toBe(15)
    await file.sync()
    await file.close()
    expect(text(await disk.readFile(`${directory}/a`))).toBe('\0\0\0\0onetwothree')
  })

  contract('more buffers than the system takes at once', async ({ disk }, directory) => {
    const file = await disk.open(`${directory}/many`, 'create')
    const buffers = Array.from({ length: 3000 }, (_, i) => Buffer.alloc(1 + (i % 7), i))
    await file.write(buffers, 0)
    await file.close()
    expect(Buffer.compare(await disk.readFile(`${directory}/many`), Buffer.concat(buffers))).toBe(0)
  })

  contract('writes and reads that overlap in time', async ({ disk }, directory) => {
    const file = await disk.open(`${directory}/overlap`, 'create')
    await Promise.all(Array.from({ length: 50 }, (_, i) => file.write([Buffer.alloc(1000, i)], i * 1000)))
    const reads = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const into = Buffer.alloc(1000)
        await file.read(into, i * 1000)
        return into.every(byte => byte === i)
      }),
    )
    expect(reads).toEqual(Array(50).fill(true))
    await file.close()
  })

  contract('truncate cuts, and grows with a hole', async ({ disk }, directory) => {
    const file = await disk.open(`${directory}/t`, 'create')
    await file.write([bytes('hello world')], 0)
    await file.truncate(5)
    await file.truncate(2 ** 30)
    expect(await file.size()).toBe(2 ** 30)
    const into = Buffer.alloc(12, 1)
    await file.read(into, 0)
    expect(text(into)).toBe('hello\0\0\0\0\0\0\0')
    await file.write([bytes('end')], 2 ** 30 - 3)
    const tail = Buffer.alloc(10)
    expect(await file.read(tail, 2 ** 30 - 4)).toBe(4)
    expect(text(tail.subarray(0, 4))).toBe('\0end')
    await file.close()
  })

  contract('modes of opening', async ({ disk }, directory) => {
    const path = `${directory}/modes`
    await expectDiskError('ENOENT', disk.open(path, 'read'))
    await expectDiskError('ENOENT', disk.open(path, 'readWrite'))
    await expectDiskError('ENOENT', disk.open(`${directory}/no/such`, 'create'))
    await (await disk.open(path, 'createNew')).close()
    await expectDiskError('EEXIST', disk.open(path, 'createNew'))
    for (const mode of ['read', 'readWrite', 'create'] as const) {
      const file = await disk.open(path, mode)
      expect(file.path).toBe(path)
      await file.close()
      await expectDiskError('EISDIR', disk.open(directory, mode))
      await expectDiskError('ENOTDIR', disk.open(`${path}/below`, mode))
    }
    const readOnly = await disk.open(path, 'read')
    await expect(readOnly.write([bytes('x')], 0)).rejects.toBeInstanceOf(DiskError)
    await readOnly.close()
  })

  contract('a closed file refuses, and closing twice is harmless', async ({ disk }, directory) => {
    const file = await disk.open(`${directory}/c`, 'create')
    const writing = file.write([bytes('late')], 0)
    await file.close()
    await file.close()
    await writing
    await expectDiskError('UNKNOWN', file.write([bytes('x')], 0))
    await expectDiskError('UNKNOWN', file.read(Buffer.alloc(1), 0))
    await expectDiskError('UNKNOWN', file.sync())
    await expectDiskError('UNKNOWN', file.truncate(0))
    await expectDiskError('UNKNOWN', file.size())
    expect(text(await disk.readFile(file.path))).toBe('late')
  })

  contract('directories: make, list, stat, remove', async ({ disk, clock }, directory) => {
    await disk.makeDirectory(`${directory}/x/y/z`)
    await disk.makeDirectory(`${directory}/x/y/z`)
    await (await disk.open(`${directory}/x/b`, 'create')).close()
    await (await disk.open(`${directory}/x/a`, 'create')).close()
    expect(await disk.list(`${directory}/x`)).toEqual([
      { name: 'a', kind: 'file' },
      { name: 'b', kind: 'file' },
      { name: 'y', kind: 'directory' },
    ])
    expect(await disk.stat(`${directory}/x/nothing`)).toBeUndefined()
    expect((await disk.stat(`${directory}/x`))?.kind).toBe('directory')
    const found = await disk.stat(`${directory}/x/a`)
    expect(found).toMatchObject({ kind: 'file', sizeBytes: 0 })
    expect(Math.abs(found!.modifiedMs - clock.now())).toBeLessThan(60_000)
    await expectDiskError('ENOENT', disk.list(`${directory}/nothing`))
    await expectDiskError('ENOTDIR', disk.list(`${directory}/x/a`))
    await expectDiskError('EEXIST', disk.makeDirectory(`${directory}/x/a`))
    await expectDiskError('EISDIR', disk.readFile(`${directory}/x`))
    await expectDiskError('ENOENT', disk.readFile(`${directory}/x/nothing`))
    await disk.remove(`${directory}/x/a`)
    await disk.remove(`${directory}/x/a`)
    await disk.syncDirectory(`${directory}/x`)
    await expectDiskError('ENOENT', disk.syncDirectory(`${directory}/nothing`))
    await disk.removeTree(`${directory}/x`)
    await disk.removeTree(`${directory}/x`)
    expect(await disk.list(directory)).toEqual([])
  })

  contract('rename replaces, and an open file follows its new name', async ({ disk }, directory) => {
    const file = await disk.open(`${directory}/new`, 'create')
    await file.write([bytes('new')], 0)
    const old = await disk.open(`${directory}/old`, 'create')
    await old.write([bytes('old')], 0)
    await disk.rename(`${directory}/new`, `${directory}/old`)
    expect(text(await disk.readFile(`${directory}/old`))).toBe('new')
    await file.write([bytes('!')], 3)
    expect(text(await disk.readFile(`${directory}/old`))).toBe('new!')
    const into = Buffer.alloc(3)
    await old.read(into, 0)
    expect(text(into)).toBe('old')
    await file.close()
    await old.close()
    await expectDiskError('ENOENT', disk.rename(`${directory}/new`, `${directory}/x`))
    await disk.makeDirectory(`${directory}/full/of`)
    await disk.makeDirectory(`${directory}/other`)
    await expectDiskError('EISDIR', disk.rename(`${directory}/old`, `${directory}/full`))
    await expectDiskError('ENOTDIR', disk.rename(`${directory}/full`, `${directory}/old`))
    await expectDiskError('ENOTEMPTY', disk.rename(`${directory}/other`, `${directory}/full`))
  })

  contract('space is known', async ({ disk }, directory) => {
    const { totalBytes, freeBytes } = await disk.space(directory)
    expect(totalBytes).toBeGreaterThan(0)
    expect(freeBytes).toBeLessThanOrEqual(totalBytes)
    await expectDiskError('ENOENT', disk.space(`${directory}/nothing`))
  })

  contract('a lock excludes this same process, and is not lost by looking at its file', async ({ disk }, directory) => {
    const path = `${directory}/lock`
    const lock = await disk.lock(path)
    await expectDiskError('LOCKED', disk.lock(path))
    await expectDiskError('LOCKED', disk.open(path, 'read'))
    await expectDiskError('LOCKED', disk.readFile(path))
    await expectDiskError('LOCKED', disk.lock(path))
    await lock.release()
    await lock.release()
    expect(text(await disk.readFile(path))).toBe('lock')
    const again = await disk.lock(path)
    await lock.release()
    await expectDiskError('LOCKED', disk.lock(path))
    await again.release()
    await expectDiskError('EISDIR', disk.lock(directory))
    await expectDiskError('ENOENT', disk.lock(`${directory}/no/such`))
  })
}
