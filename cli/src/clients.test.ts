import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CommandLine } from './testing/command-line.ts'
import { runHere } from './testing/in-process.ts'

/** `produce`, `consume`, `topics` and `status` against a cluster of two brokers that `up` runs. */
const MANIFEST =
  'apiVersion: rocketcluster.dev/v1beta1\nkind: RocketCluster\nmetadata: { name: demo }\nspec: { broker: { groups: 2 } }\n'

let directory: string
let up: CommandLine

const run = (command: string, ...args: string[]) => runHere(command, '--data', join(directory, 'data'), ...args)
const lines = (text: string) => text.trimEnd().split('\n')

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rocketcluster-clients-'))
  writeFileSync(join(directory, 'demo.yaml'), MANIFEST)
  up = new CommandLine(['up', '-f', 'demo.yaml', '--data', 'data', '--output', 'json'], { cwd: directory })
  await up.firstLine()
}, 60_000)

afterAll(async () => {
  up.process.kill('SIGTERM')
  await up.finished
  rmSync(directory, { recursive: true, force: true })
}, 30_000)

test('what is produced is consumed, with its tags, keys and properties', async () => {
  const sent = await run(
    'produce',
    '-t',
    'hello',
    '-m',
    'one',
    '-m',
    'two',
    '--tag',
    'a',
    '--key',
    'k1',
    '--key',
    'k2',
    '--property',
    'color=blue',
    '-o',
    'json',
  )
  expect(sent).toMatchObject({ code: 0, stderr: '' })
  const [first, second] = lines(sent.stdout).map(line => JSON.parse(line))
  expect(first).toMatchObject({ sendStatus: 'SEND_OK', topic: 'hello', queueOffset: 0 })

  const received = await run('consume', '-t', 'hello', '-c', '2', '-o', 'json')
  expect(received).toMatchObject({ code: 0, stderr: '' })
  const messages = lines(received.stdout)
    .map(line => JSON.parse(line))
    .sort((a, b) => (a.body < b.body ? -1 : 1))
  expect(messages.map(({ msgId, body }) => ({ msgId, body }))).toEqual([
    { msgId: first.msgId, body: 'one' },
    { msgId: second.msgId, body: 'two' },
  ])
  expect(messages[0]).toMatchObject({
    tags: 'a',
    keys: ['k1', 'k2'],
    properties: expect.objectContaining({ color: 'blue' }),
  })

  expect(await run('consume', '-t', 'hello', '--tag', 'b', '-w', '1')).toMatchObject({ code: 0, stdout: '' })
}, 30_000)

test('a group goes on where it stands, and --count commits exactly what was printed', async () => {
  const numbers = new CommandLine(['produce', '-t', 'numbers', '--data', 'data'], {
    cwd: directory,
    input: '1\n2\n3\n',
  })
  expect(lines((await numbers.finished).stdout)).toHaveLength(3)
  const first = await run('consume', '-t', 'numbers', '-g', 'readers', '-c', '2')
  const rest = await run('consume', '-t', 'numbers', '-g', 'readers', '-w', '2')
  expect([...lines(first.stdout), ...lines(rest.stdout)].sort()).toEqual(['1', '2', '3'])
}, 30_000)

test('topics', async () => {
  const made = await run('topics', '--create', 'orders', '--queues', '3', '-o', 'json')
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(made.stdout)).toMatchObject({
    created: 'orders',
    queues: 3,
    brokers: [expect.any(String), expect.any(String)],
  })
  await run('produce', '-t', 'orders', '-m', 'x', '-c', '5')
  const listed = JSON.parse((await run('topics', '-o', 'json')).stdout) as { topic: string }[]
  expect(listed).toContainEqual({
    topic: 'orders',
    queues: 6,
    messages: 5,
    brokers: ['demo-broker-0', 'demo-broker-1'],
  })
  expect(listed.map(({ topic }) => topic)).not.toContain('TBW102')
  expect(lines((await run('topics', '--topic', 'orders')).stdout)).toHaveLength(1 + 6)
  expect(await run('topics', '--delete', 'orders')).toMatchObject({ code: 0, stdout: 'orders is deleted\n' })
  expect(await run('topics', '--topic', 'orders')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^rocketcluster topics: .*orders.*\n$/),
  })
}, 30_000)

test('status', async () => {
  const all = await run('status', '-o', 'json')
  expect(all).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(all.stdout)).toMatchObject({
    isWell: true,
    nameServers: [{ brokers: 2, problem: null }],
    brokers: [
      { brokerName: 'demo-broker-0', brokerId: 0, writable: true, problem: null },
      { brokerName: 'demo-broker-1', brokerId: 0, writable: true, problem: null },
    ],
  })
  const nobody = await run('status', '--name-server', '127.0.0.1:1')
  expect(nobody).toMatchObject({ code: 1, stdout: expect.stringContaining('No broker is registered') })
}, 30_000)

test.each([
  [['produce', '-t', 'bad topic', '-m', 'x'], 1, /^rocketcluster produce: .*bad topic.*\n$/],
  [['produce', '-t', 'hello', '-m', 'x', '--property', 'novalue'], 2, /--property is "novalue"; allowed is NAME=VALUE/],
  [
    ['produce', '-t', 'hello', '-m', 'x', '--name-server', '127.0.0.1:1'],
    1,
    /^rocketcluster produce: .*127\.0\.0\.1:1.*\n$/,
  ],
  [['consume', '-t', 'hello', '--from', 'middle'], 2, /--from is "middle"; allowed is first or last/],
  [['consume', '-t', 'hello', '-g', 'bad group', '-c', '1'], 1, /^rocketcluster consume: .*bad group.*\n$/],
  [['topics', '--create', 'a', '--delete', 'b'], 2, /--create and --delete do not go together/],
] as const)(
  '%j',
  async ([command, ...args], code, sentence) => {
    const finished = await run(command, ...args)
    expect(finished).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(sentence) })
    expect(lines(finished.stderr)).toHaveLength(1)
  },
  30_000,
)

test('nothing on standard input is nothing to send', async () => {
  const empty = new CommandLine(['produce', '-t', 'hello', '--data', 'data'], { cwd: directory })
  expect(await empty.finished).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'rocketcluster produce: there was nothing to send: standard input was empty\n',
  })
}, 30_000)

test('a consumer that waits ends at once when it is stopped', async () => {
  const waiting = new CommandLine(['consume', '-t', 'hello', '--data', 'data'], { cwd: directory })
  await waiting.firstLine()
  waiting.process.kill('SIGINT')
  expect(await waiting.finished).toMatchObject({ code: 0, stderr: '' })
}, 30_000)
