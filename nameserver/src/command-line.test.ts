import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { ConfigError } from '@rocketcluster/config'
import { nodeDisk, UsageError } from '@rocketcluster/world/node'
import { loadConfig, parseCommandLine } from './command-line.ts'

const directory = mkdtempSync(join(tmpdir(), 'command-line-'))
afterAll(() => rmSync(directory, { recursive: true }))
const machine = { home: '/home/me', directory }

test("Apache's flags, and any key", () => {
  expect(parseCommandLine([])).toEqual({ mode: 'serve', configFile: undefined, overrides: {} })
  expect(parseCommandLine(['-c', 'a.conf', '-p'])).toMatchObject({ mode: 'print', configFile: 'a.conf' })
  expect(parseCommandLine(['--configFile=a.conf', '--listenPort', '0', '--tls.server.mode=disabled'])).toMatchObject({
    configFile: 'a.conf',
    overrides: { listenPort: '0', tlsServerMode: 'disabled' },
  })
  expect(parseCommandLine(['-p', '--help']).mode).toBe('help')
})

test('what is no flag, or lacks its value, is refused', () => {
  for (const args of [['start'], ['-c'], ['--listenPort'], ['']])
    expect(() => parseCommandLine(args)).toThrow(UsageError)
})

test('flags win over the file, the file wins over the machine, and paths come out absolute', async () => {
  writeFileSync(join(directory, 'a.conf'), 'listenPort=1234\nbindAddress=127.0.0.1\nkvConfigPath=kv.json\n')
  const { config } = await loadConfig(nodeDisk, parseCommandLine(['-c', 'a.conf', '--listenPort=0']), machine)
  expect(config).toMatchObject({
    listenPort: 0,
    bindAddress: '127.0.0.1',
    metricsPromExporterHost: '127.0.0.1',
    kvConfigPath: join(directory, 'kv.json'),
    configStorePath: join(directory, 'a.conf'),
  })
  expect((await loadConfig(nodeDisk, parseCommandLine([]), machine)).config).toMatchObject({
    listenPort: 9876,
    kvConfigPath: '/home/me/namesrv/kvConfig.json',
    configStorePath: '/home/me/namesrv/namesrv.properties',
  })
})

test('a missing file, an unknown key and an impossible value are named', async () => {
  const load = (...args: string[]) => loadConfig(nodeDisk, parseCommandLine(args), machine)
  await expect(load('-c', 'nowhere.conf')).rejects.toThrow(join(directory, 'nowhere.conf'))
  await expect(load('--listenPrt=1')).rejects.toThrow(/listenPrt/)
  await expect(load('--listenPort=70000')).rejects.toThrow(ConfigError)
})
