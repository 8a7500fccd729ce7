import { expect, test } from '@jest/globals'
import { silentLog } from '@rocketcluster/world'
import { everySeed, simulation } from '@rocketcluster/world/sim'
import { JsonFile } from './json-file.ts'

const DIRECTORY = '/data/store/config'
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

test('what was saved survives a power cut, the first file of a new directory too', () =>
  everySeed(
    60,
    async (world, sim) => {
      const host = sim.host('host')
      let value = ''
      const file = new JsonFile(world.disk, DIRECTORY, 'x.json', () => Buffer.from(value))
      const saves = sim.random.int(4) + 1
      for (let i = 1; i <= saves; i++) {
        value = `version ${i}`
        await file.save()
      }
      value = 'never acknowledged'
      if (sim.random.chance(0.7)) {
        void file.save()
        await sim.sleep(sim.random.between(0, 5))
      }
      host.powerCut()
      const again = new JsonFile(host.restart().disk, DIRECTORY, 'x.json', () => Buffer.alloc(0))
      expect([`version ${saves}`, 'never acknowledged']).toContain(await again.load(text, silentLog))
    },
    { file: import.meta.filename },
  ))

test('a save that fails leaves the version before it, and the next one succeeds', async () => {
  const sim = simulation(1)
  await sim.run(async () => {
    const { world, disk } = sim.host('host')
    let value = 'one'
    const file = new JsonFile(world.disk, DIRECTORY, 'x.json', () => Buffer.from(value))
    await file.save()
    for (const on of ['open', 'write', 'sync', 'truncate'] as const) {
      value = `not ${on}`
      disk.fail({ on, code: 'ENOSPC', times: 1 })
      await expect(file.save()).rejects.toThrow('ENOSPC')
      const reader = new JsonFile(world.disk, DIRECTORY, 'x.json', () => Buffer.alloc(0))
      expect(await reader.load(text, silentLog)).toBe('one')
    }
    value = 'two'
    await file.save()
    expect(Buffer.from(await world.disk.readFile(`${DIRECTORY}/x.json`)).toString()).toBe('two')
    expect(Buffer.from(await world.disk.readFile(`${DIRECTORY}/x.json.bak`)).toString()).toBe('one')
  })
})

test('saves that come while one is under way share the next', async () => {
  const sim = simulation(2)
  await sim.run(async () => {
    const { world } = sim.host('host')
    let value = 0
    const printed: number[] = []
    const file = new JsonFile(world.disk, DIRECTORY, 'x.json', () => {
      printed.push(value)
      return Buffer.from(`${value}`)
    })
    const saves = Array.from({ length: 50 }, async () => {
      value++
      await file.save()
    })
    await Promise.all(saves)
    // The first found nothing under way when it printed, or all had changed by then.
    expect(printed.length).toBeLessThanOrEqual(2)
    expect(printed.at(-1)).toBe(50)
  })
})

test('load falls back to the .bak, keeps it until there is a good file again, and refuses to start empty', async () => {
  const sim = simulation(3)
  await sim.run(async () => {
    const { world } = sim.host('host')
    const { disk } = world
    const write = async (name: string, content: string) => {
      const file = await disk.open(`${DIRECTORY}/${name}`, 'create')
      await file.truncate(0)
      await file.write([Buffer.from(content)], 0)
      await file.close()
    }
    const parse = (bytes: Buffer) => JSON.parse(bytes.toString()) as unknown
    const make = (content = '3') => new JsonFile(disk, DIRECTORY, 'x.json', () => Buffer.from(content))
    expect(await make().load(parse, silentLog)).toBeUndefined()
    await disk.makeDirectory(DIRECTORY)
    await write('x.json', '')
    await expect(make().load(parse, silentLog)).rejects.toThrow(/x\.json and its \.bak are unreadable/)
    await write('x.json.bak', '2')
    const file = make()
    expect(await file.load(parse, silentLog)).toBe(2)
    await file.save()
    expect(text(await disk.readFile(`${DIRECTORY}/x.json`))).toBe('3')
    expect(text(await disk.readFile(`${DIRECTORY}/x.json.bak`))).toBe('2')
  })
})
