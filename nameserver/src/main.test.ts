import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, expect, test } from '@jest/globals'
import { registration } from './testing/fixture.ts'
import { RawClient } from './testing/raw-client.ts'

const directory = mkdtempSync(join(tmpdir(), 'namesrv-'))
const conf = join(directory, 'namesrv.conf')
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

test('serves, says where, shows its health, and leaves on SIGTERM with what was stored', async () => {
  writeFileSync(
    conf,
    'listenPort=0\nbindAddress=127.0.0.1\nmetricsPromExporterPort=0\nexpectedBrokers=broker-a\nkvConfigPath=kv.json\n',
  )
  const process = run('-c', conf, `--kvConfigPath=${join(directory, 'kv.json')}`)
  process.stderr.resume()
  const [line] = await once(createInterface({ input: process.stdout }), 'line')
  const { listening, metrics } = JSON.parse(line)
  const get = async (path: string) => {
    const response = await fetch(`http://${metrics}${path}`)
    return { status: response.status, text: await response.text() }
  }
  expect(await get('/livez')).toMatchObject({ status: 200 })
  expect(await get('/readyz')).toEqual({ status: 503, text: 'waiting for brokers to register: broker-a\n' })
  const client = await RawClient.connect(Number(listening.split(':')[1]))
  expect(await client.ask(103, registration())).toMatchObject({ code: 0 })
  expect(await client.ask(100, { ext: { namespace: 'n', key: 'k', value: 'v' } })).toMatchObject({ code: 0 })
  expect(await get('/readyz')).toMatchObject({ status: 200 })
  const { text } = await get('/metrics')
  expect(text).toContain('rocketmq_namesrv_brokers{cluster="DefaultCluster",node_type="namesrv"} 1')
  expect(text).toContain('process_resident_memory_bytes')
  await client.close()
  process.kill('SIGTERM')
  expect(await once(process, 'exit')).toEqual([0, null])
})

test('-p prints every key and leaves', async () => {
  const { code, out } = await finished(run('-p', '--listenPort=1234'))
  expect([code, out]).toEqual([0, expect.stringMatching(/^listenPort=1234$/m)])
})

test('what is wrong is said in one sentence, without a stack', async () => {
  for (const [args, sentence] of [
    [['-c', join(directory, 'missing.conf')], /there is no file .*missing\.conf/],
    [['--listenPort=x'], /listenPort: "x" is not a whole number/],
    [['serve'], /"serve" is not a flag/],
  ] as const) {
    const { code, err } = await finished(run(...args))
    expect([code, err]).toEqual([1, expect.stringMatching(sentence)])
    expect(err).not.toContain('    at ')
  }
})
