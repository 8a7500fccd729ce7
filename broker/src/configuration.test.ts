import { expect, test } from '@jest/globals'
import { ConfigError, ForbiddenKeyError } from '@rocketcluster/config'
import { Simulation } from '@rocketcluster/world/sim'
import { Configuration } from './configuration.ts'
import { settings } from './testing/broker-fixture.ts'

function withConfiguration(
  run: (configuration: Configuration, sim: Simulation) => Promise<void>,
  overrides: object = {},
) {
  return () => {
    const sim = new Simulation(1)
    return sim.run(() => {
      const host = sim.host('host')
      return run(new Configuration(host.world.disk, settings(host, overrides)), sim)
    })
  }
}

const stored = async (sim: Simulation) =>
  Buffer.from(await sim.host('host').world.disk.readFile('/broker.conf')).toString()

test(
  'live keys count at once and are told, the others wait for the next start; all are stored, comments stay',
  withConfiguration(async (configuration, sim) => {
    const { disk } = sim.host('host').world
    const file = await disk.open('/broker.conf', 'create')
    await file.write([Buffer.from('# ours\nfileReservedTime=9\n')], 0)
    await file.close()
    const told: string[][] = []
    configuration.onChange = live => told.push([...live])
    const changed = await configuration.update('fileReservedTime=7\nlistenPort=10999\n')
    expect([...changed].sort()).toEqual(['fileReservedTime', 'listenPort'])
    expect(told).toEqual([['fileReservedTime']])
    expect([configuration.current.fileReservedTime, configuration.current.listenPort]).toEqual([7, 10_911])
    const text = await stored(sim)
    expect(text).toMatch(/^# ours\nfileReservedTime=7\n/)
    expect(text).toContain('listenPort=10999')
    expect(await configuration.update('fileReservedTime=7\n')).toEqual([])
    sim.host('host').powerCut()
    const again = sim.host('host').restart().disk
    expect(Buffer.from(await again.readFile('/broker.conf')).toString()).toBe(text)
  }),
)

test(
  'updates that come together are made one after the other',
  withConfiguration(async (configuration, sim) => {
    await Promise.all([7, 8, 9].map(hours => configuration.update(`fileReservedTime=${hours}\n`)))
    expect(configuration.current.fileReservedTime).toBe(9)
    expect(await stored(sim)).toContain('fileReservedTime=9')
  }),
)

test(
  'nothing changes when it is refused, or the disk refuses',
  withConfiguration(
    async (configuration, sim) => {
      const before = { ...configuration.current }
      await expect(configuration.update('maxMessageSize=1\nbogus=1\n')).rejects.toBeInstanceOf(ConfigError)
      for (const key of ['configBlackList', 'brokerConfigPath', 'regionId'])
        await expect(configuration.update(`fileReservedTime=7\n${key}=x\n`)).rejects.toBeInstanceOf(ForbiddenKeyError)
      const end = sim.host('host').disk.fail({ on: ['write', 'open'], code: 'ENOSPC' })
      await expect(configuration.update('fileReservedTime=7\n')).rejects.toThrow('ENOSPC')
      expect(configuration.current).toEqual(before)
      end()
      expect(await configuration.update('fileReservedTime=7\n')).toEqual(['fileReservedTime'])
    },
    { configBlackList: 'regionId' },
  ),
)
