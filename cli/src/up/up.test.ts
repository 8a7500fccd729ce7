import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { CommandLine, runToEnd } from '../testing/command-line.ts'
import { runHere } from '../testing/in-process.ts'
import { DataDirectory, type RunningCluster } from './data-directory.ts'

const MANIFEST =
  'apiVersion: rocketcluster.dev/v1beta1\nkind: RocketCluster\nmetadata: { name: demo }\nspec: { nameServer: { replicas: 2 } }\n'

let directory: string
let manifest: string
let ups: CommandLine[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rocketcluster-up-'))
  manifest = join(directory, 'demo.yaml')
  writeFileSync(manifest, MANIFEST)
  ups = []
})

afterEach(async () => {
  for (const up of ups) {
    up.process.kill('SIGKILL')
    await up.finished
  }
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

const data = () => join(directory, 'data')

function up(...args: string[]): CommandLine {
  const started = new CommandLine(['up', '-f', manifest, '--data', data(), '--output', 'json', ...args])
  ups.push(started)
  return started
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function until(happened: () => boolean): Promise<void> {
  for (let n = 0; n < 1500 && !happened(); n++) await new Promise(resolve => setTimeout(resolve, 10))
  expect(happened()).toBe(true)
}

test('one JSON line, restart of what dies, a clean stop, and the same ports again', async () => {
  const first = up()
  const cluster = JSON.parse(await first.firstLine()) as RunningCluster
  expect(cluster).toMatchObject({
    cluster: 'demo',
    nameServers: [expect.stringMatching(/^127\.0\.0\.1:\d+$/), expect.any(String)],
  })
  expect(
    cluster.processes.map(({ kind, name, brokerName, brokerId }) => ({ kind, name, brokerName, brokerId })),
  ).toEqual([
    { kind: 'nameserver', name: 'demo-nameserver-0', brokerName: null, brokerId: null },
    { kind: 'nameserver', name: 'demo-nameserver-1', brokerName: null, brokerId: null },
    { kind: 'broker', name: 'demo-broker-0-0', brokerName: 'demo-broker-0', brokerId: 0 },
  ])
  const broker = cluster.processes[2]!
  expect(existsSync(join(broker.dataDir, 'commitlog'))).toBe(true)
  expect((await fetch(broker.metrics)).status).toBe(200)
  expect((await fetch(new URL('/readyz', broker.metrics))).status).toBe(200)

  // A second one on the same directory is refused, and does no harm.
  const second = await runToEnd(['up', '-f', manifest, '--data', data(), '--output', 'json'])
  expect(second).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/is in use by another "rocketcluster up"/),
  })

  const at = ['--name-server', cluster.nameServers.join(';')]
  expect(await runHere('produce', '-t', 'kept', '-m', 'before', ...at)).toMatchObject({ code: 0 })
  process.kill(broker.pid!, 'SIGKILL')
  await until(() => first.stderr.includes('demo-broker-0-0 runs again'))
  expect(first.stderr).toMatch(/demo-broker-0-0 died \(signal SIGKILL\); starting it again in 0\.25 s/)

  const stopMs = performance.now()
  first.process.kill('SIGTERM')
  const finished = await first.finished
  expect(finished).toMatchObject({ code: 0, stdout: `${JSON.stringify(cluster)}\n` })
  expect(performance.now() - stopMs).toBeLessThan(10_000)
  expect(cluster.processes.filter(({ pid }) => isAlive(pid!))).toEqual([])

  const third = up()
  const again = JSON.parse(await third.firstLine()) as RunningCluster
  expect(again.nameServers).toEqual(cluster.nameServers)
  expect(again.processes.map(({ address }) => address)).toEqual(cluster.processes.map(({ address }) => address))

  const found = await runHere('consume', '-t', 'kept', '-w', '3', '-c', '1', '--name-server', again.nameServers[1]!)
  expect(found).toMatchObject({ code: 0, stdout: 'before\n' })

  // Killed without a chance to stop anybody: its children stop by themselves, and the directory is free.
  third.process.kill('SIGKILL')
  await third.finished
  const fourth = up()
  const last = JSON.parse(await fourth.firstLine()) as RunningCluster
  await until(() => again.processes.every(({ pid }) => !isAlive(pid!)))
  expect(last.nameServers).toEqual(cluster.nameServers)
  expect(
    readFileSync(join(data(), 'logs', 'demo-broker-0-0.log'), 'utf8')
      .trimEnd()
      .split('\n')
      .findLast(line => line.includes('"clean"')),
  ).toContain('"clean":true')
  fourth.process.kill('SIGINT')
  expect(await fourth.finished).toMatchObject({ code: 0 })
}, 60_000)

test('--port BASE puts the first name server there, and a port in use is refused', async () => {
  const holder = createServer()
  await new Promise<void>(resolve => holder.listen(0, '0.0.0.0', resolve))
  const { port } = holder.address() as { port: number }
  const refused = await runToEnd(['up', '-f', manifest, '--data', data(), '--port', String(port)])
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`port ${port}, which demo-nameserver-0 would have`),
  })
  await new Promise(resolve => holder.close(resolve))

  const started = up('--port', '31010')
  const cluster = JSON.parse(await started.firstLine()) as RunningCluster
  expect(cluster.nameServers).toEqual(['127.0.0.1:31010', '127.0.0.1:31011'])
  expect(cluster.processes.at(-1)!.address).toBe('127.0.0.1:31016')
  started.process.kill('SIGTERM')
  expect(await started.finished).toMatchObject({ code: 0 })
}, 60_000)

test('a process that cannot start ends it, with the end of its log', async () => {
  // A commit log that is a file: no broker can live with that.
  mkdirSync(join(data(), 'demo-broker-0-0'), { recursive: true })
  writeFileSync(join(data(), 'demo-broker-0-0', 'commitlog'), 'not a directory')
  const { code, stdout, stderr } = await up().finished
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(
    /rocketcluster up: demo-broker-0-0 died 3 times \(exit code 1\); its log .*demo-broker-0-0\.log ends:\n {2}\S/,
  )
  expect(readFileSync(join(data(), 'logs', 'demo-broker-0-0.log'), 'utf8')).not.toBe('')
}, 60_000)

test('a stop while it starts is a clean stop', async () => {
  const started = up()
  await until(() => existsSync(join(data(), 'logs', 'demo-nameserver-0.log')))
  started.process.kill('SIGTERM')
  expect(await started.finished).toMatchObject({ code: 0, stdout: '' })
}, 30_000)

test('another cluster in the same directory is refused', async () => {
  const directoryOfDemo = await DataDirectory.take(data(), 'demo')
  directoryOfDemo.remember('demo', {})
  await directoryOfDemo.release()
  await expect(DataDirectory.take(data(), 'other')).rejects.toThrow(
    `the data directory ${data()} holds the cluster demo and the manifest is about other; give it a directory of its own with --data`,
  )
  await (await DataDirectory.take(data(), 'demo')).release()
})
