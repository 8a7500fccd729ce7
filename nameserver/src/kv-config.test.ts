import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { type Disk, DiskError, silentLog } from '@rocketcluster/world'
import { nodeDisk } from '@rocketcluster/world/node'
import fc from 'fast-check'
import { KvConfig, KvConfigError } from './kv-config.ts'

const directory = mkdtempSync(join(tmpdir(), 'kv-config-'))
afterAll(() => rmSync(directory, { recursive: true }))
let files = 0
const fresh = () => join(directory, `${++files}`, 'kvConfig.json')
const load = (path: string, disk: Disk = nodeDisk) => KvConfig.load(disk, path, silentLog)

test('what is put is there after a restart, in the form of Apache', async () => {
  const path = fresh()
  const kv = await load(path)
  expect(kv.namespace('ORDER_TOPIC_CONFIG')).toBeUndefined()
  await kv.put('ORDER_TOPIC_CONFIG', 'Orders', 'broker-a:4;broker-b:4')
  await kv.put('other', 'k', 'ü')
  await kv.put('other', 'k', 'v')
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
    configTable: { ORDER_TOPIC_CONFIG: { Orders: 'broker-a:4;broker-b:4' }, other: { k: 'v' } },
  })
  const again = await load(path)
  expect(again.get('other', 'k')).toBe('v')
  await again.delete('other', 'k')
  await again.delete('other', 'k')
  await again.delete('nowhere', 'k')
  expect([again.get('other', 'k'), again.namespace('other')?.size, again.namespace('nowhere')]).toEqual([
    undefined,
    0,
    undefined,
  ])
})

test('changes made at the same time all count', async () => {
  const path = fresh()
  const kv = await load(path)
  await Promise.all(Array.from({ length: 50 }, (_, i) => kv.put('n', `k${i}`, 'v')))
  expect((await load(path)).namespace('n')?.size).toBe(50)
})

test('a change that cannot be stored does not happen, and the next one can', async () => {
  const path = fresh()
  let fails = false
  const rename: Disk['rename'] = (from, to) =>
    fails ? Promise.reject(new DiskError('ENOSPC', to, 'renaming')) : nodeDisk.rename(from, to)
  const kv = await load(path, { ...nodeDisk, rename })
  await kv.put('n', 'k', 'old')
  const { revision } = kv
  fails = true
  await expect(kv.put('n', 'k', 'new')).rejects.toThrow('ENOSPC')
  await expect(kv.delete('n', 'k')).rejects.toThrow('ENOSPC')
  expect([kv.get('n', 'k'), kv.revision]).toEqual(['old', revision])
  fails = false
  await kv.put('n', 'k', 'new')
  expect((await load(path)).get('n', 'k')).toBe('new')
})

test('a damaged file is replaced by the backup beside it, or named', async () => {
  for (const damaged of [
    '',
    '{"configTable":{"n":{"k":"v"}',
    '[]',
    '{"configTable":[]}',
    '{"configTable":{"n":1}}',
    '{"configTable":{"n":{"k":1}}}',
  ]) {
    const path = fresh()
    await (await load(path)).put('n', 'k', 'v')
    writeFileSync(path, damaged)
    await expect(load(path)).rejects.toThrow(KvConfigError)
    await expect(load(path)).rejects.toThrow(path)
    writeFileSync(`${path}.bak`, '{"configTable":{"n":{"k":"saved"}}}')
    expect((await load(path)).get('n', 'k')).toBe('saved')
  }
})

test('any texts come back as they were', async () => {
  const path = fresh()
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme' }),
      fc.string(),
      fc.string({ unit: 'grapheme' }),
      async (namespace, key, value) => {
        await (await load(path)).put(namespace, key, value)
        expect((await load(path)).get(namespace, key)).toBe(value)
      },
    ),
    { numRuns: 50, examples: [['__proto__', '__proto__', 'x']] },
  )
})
