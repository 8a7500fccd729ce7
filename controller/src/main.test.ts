import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, expect, test } from '@jest/globals'
import { controllerRequests } from '@rocketcluster/protocol'
import { RemotingClient } from '@rocketcluster/remoting'
import { nodeWorld } from '@rocketcluster/world/node'

const directory = mkdtempSync(join(tmpdir(), 'controller-'))
const conf = join(directory, 'controller.conf')
let child: ChildProcessWithoutNullStreams | undefined

afterAll(() => rmSync(directory, { recursive: true }))
afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

function run(...args: string[]): ChildProcessWithoutNullStreams {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url))
  child = spawn(process.execPath, [main, ...args], { env: { ...process.env, HOME: directory } })
  return child
}

async function finished(process: ChildProcessWithoutNullStreams) {
  let [out, err] = ['', '']
  process.stdout.on('data', text => (out += text))
  process.stderr.on('data', text => (err += text))
  const [code] = await once(process, 'close')
  return { code, out, err }
}

async function serving(...args: string[]) {
  const process = run(...args)
  process.stderr.resume()
  const [line] = await once(createInterface({ input: process.stdout }), 'line')
  const { listening, metrics } = JSON.parse(line) as { listening: string; metrics: string }
  const get = async (path: string) => {
    const response = await fetch(`http://${metrics}${path}`)
    return { status: response.status, text: await response.text() }
  }
  return { process, listening, get }
}

test('serves, says where, shows its health, and another process finds what it recorded', async () => {
  writeFileSync(
    conf,
    'listenPort=0\nbindAddress=127.0.0.1\nmetricsPromExporterPort=0\nmetricsPromExporterHost=127.0.0.1\ncontrollerDLegerPeers=n0-a:1\n',
  )
  const group = { clusterName: 'cluster', brokerName: 'broker-a' }
  const first = await serving('-c', conf)
  expect(await first.get('/livez')).toEqual({ status: 200, text: 'ok\n' })
  while ((await first.get('/readyz')).status !== 200) await new Promise(resolve => setTimeout(resolve, 20))
  const client = new RemotingClient(nodeWorld())
  const applied = { ...group, appliedBrokerId: 1, registerCheckCode: 'a:1;x' }
  await client.invoke(first.listening, controllerRequests.controllerApplyBrokerId, applied)
  const { text } = await first.get('/metrics')
  expect(text).toMatch(/record_store_op_total\{outcome="success".*\} 1/)
  expect(text).toContain('process_resident_memory_bytes')
  first.process.kill('SIGKILL')
  await once(first.process, 'exit')

  const second = await serving('-c', conf)
  const { nextBrokerId } = await client.invoke(second.listening, controllerRequests.controllerGetNextBrokerId, group)
  expect(nextBrokerId).toBe(2)
  second.process.kill('SIGTERM')
  expect(await once(second.process, 'exit')).toEqual([0, null])
  await client.close()
}, 30_000)

test('prints its keys, explains itself, and refuses what it does not understand', async () => {
  const printed = await finished(run('-p', '--electionGraceMs=7'))
  expect(printed).toMatchObject({ code: 0 })
  expect(printed.out).toMatch(/^electionGraceMs=7$/m)
  expect(await finished(run('--help'))).toMatchObject({ code: 0, out: expect.stringContaining('mqcontroller') })
  expect(await finished(run('--listenPort=70000', '--nonsense=1'))).toMatchObject({
    code: 1,
    err: 'listenPort: 70000 is above 65535; allowed is a whole number from 0 to 65535\nnonsense: there is no such key\n',
  })
  expect(await finished(run('-c', '/does/not/exist'))).toMatchObject({
    code: 1,
    err: 'there is no file /does/not/exist\n',
  })
  expect(await finished(run('serve'))).toMatchObject({ code: 1, err: expect.stringContaining('"serve" is not a flag') })
}, 30_000)
