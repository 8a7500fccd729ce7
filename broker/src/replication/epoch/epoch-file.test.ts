import { describe, expect, test } from '@jest/globals'
import { type Disk, readTextFile, writeTextFile } from '@rocketcluster/world'
import { everySeed, simulation } from '@rocketcluster/world/sim'
import fc from 'fast-check'
import { decodeEpochs, EpochFile, encodeEpochs } from './epoch-file.ts'
import { EpochHistory } from './epoch-history.ts'

const ROOT = '/store'
const PATH = `${ROOT}/epochFileCheckpoint`

/** The example of CheckpointFile.java. */
const APACHE = '2\n773307083\n7-7000\n8-8000\n'

test('Apache’s file is read, and written as Apache’s brokers write it', () => {
  const entries = decodeEpochs(APACHE)
  expect(entries).toEqual([
    { epoch: 7, startOffset: 7000 },
    { epoch: 8, startOffset: 8000 },
  ])
  expect(encodeEpochs(entries)).toBe(APACHE)
})

test('what is written is read again', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 2 ** 40 })), {
    maxLength: 20,
  })
  fc.assert(
    fc.property(steps, steps => {
      const entries = steps.map((_, i) => ({
        epoch: steps.slice(0, i + 1).reduce((sum, [epoch]) => sum + epoch, 0),
        startOffset: steps.slice(0, i + 1).reduce((sum, [, bytes]) => sum + bytes, 0),
      }))
      expect(decodeEpochs(encodeEpochs(entries))).toEqual(entries)
    }),
  )
})

test('a checksum of 0 is not checked', () => {
  expect(decodeEpochs('1\n0\n7-7000\n')).toEqual([{ epoch: 7, startOffset: 7000 }])
})

const DAMAGED: [string, string][] = [
  ['', 'it does not begin with a count and a checksum'],
  ['two\n773307083\n7-7000\n8-8000\n', 'it does not begin with a count and a checksum'],
  ['2\n773307083\n7-7000\n', 'it has 1 entries and says 2'],
  ['2\n773307083\n7-7000\n8-8001\n', 'and it says 773307083'],
  ['1\n0\n7:7000\n', '"7:7000" is not epoch-startOffset'],
  ['2\n0\n8-8000\n7-9000\n', 'epoch 7 behind epoch 8'],
  ['2\n0\n7-8000\n8-7000\n', 'epoch 8 begins at 7000, before epoch 7 at 8000'],
]

test.each(DAMAGED)('%j is refused: %s', (text, words) => {
  expect(() => decodeEpochs(text)).toThrow(words)
})

function onDisk<T>(run: (disk: Disk) => Promise<T>): Promise<T> {
  const sim = simulation(1)
  return sim.run(() => run(sim.host('host').world.disk))
}

describe('a store whose history is not there any more does not open', () => {
  test('damaged: the .bak, which is older, is not taken for it', () =>
    onDisk(async disk => {
      await writeTextFile(disk, PATH, '2\n1\n7-7000\n8-8000\n')
      await writeTextFile(disk, `${PATH}.bak`, '1\n0\n7-7000\n')
      await expect(EpochFile.open(disk, ROOT)).rejects.toThrow(
        `${PATH} is damaged: its checksum is 773307083 and it says 1. Without it nobody can tell`,
      )
    }))

  test('missing, with a .bak', () =>
    onDisk(async disk => {
      await writeTextFile(disk, `${PATH}.bak`, '1\n0\n7-7000\n')
      await expect(EpochFile.open(disk, ROOT)).rejects.toThrow(`${PATH} is missing, and an older one is in ${PATH}.bak`)
    }))

  test('never there: a history without an epoch', () =>
    onDisk(async disk => {
      expect((await EpochFile.open(disk, ROOT)).history.entries).toEqual([])
    }))
})

test('the one before stays in .bak', () =>
  onDisk(async disk => {
    await disk.makeDirectory(ROOT)
    const file = await EpochFile.open(disk, ROOT)
    file.history.append({ epoch: 7, startOffset: 7000 })
    await file.save()
    expect(await readTextFile(disk, `${PATH}.bak`)).toBeUndefined()
    file.history.append({ epoch: 8, startOffset: 8000 })
    await file.save()
    await file.save()
    expect(await readTextFile(disk, PATH)).toBe(APACHE)
    expect(decodeEpochs((await readTextFile(disk, `${PATH}.bak`))!)).toEqual([{ epoch: 7, startOffset: 7000 }])
  }))

test('saved is saved, whatever moment the power goes at', () =>
  everySeed(60, async (_world, sim) => {
    const host = sim.host('host')
    await host.world.disk.makeDirectory(ROOT)
    await host.world.disk.syncDirectory('/')
    let saved = 0
    let asked = 0
    for (let round = 0; round < 3; round++) {
      const file = await EpochFile.open(host.world.disk, ROOT)
      const found = file.history.last?.epoch ?? 0
      expect(found).toBeGreaterThanOrEqual(saved)
      expect(found).toBeLessThanOrEqual(asked)
      expect(new EpochHistory(file.history.entries).entries).toHaveLength(found)
      asked = found
      void (async () => {
        for (;;) {
          const epoch = ++asked
          file.history.append({ epoch, startOffset: epoch * 10 })
          await file.save()
          saved = epoch
        }
      })().catch(() => {})
      await sim.sleep(sim.random.int(60))
      if (sim.random.next() < 0.5) host.powerCut()
      host.restart()
    }
  }))
