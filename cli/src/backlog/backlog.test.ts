import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CommandLine } from '../testing/command-line.ts'
import { runHere } from '../testing/in-process.ts'

const MANIFEST =
  'apiVersion: rocketcluster.dev/v1beta1\nkind: RocketCluster\nmetadata: { name: demo }\nspec: { broker: { groups: 2 } }\n'

let directory: string
let up: CommandLine

const run = (...args: string[]) => runHere(...args, '--data', join(directory, 'data'))
const relieve = (...args: string[]) => run('backlog', 'relieve', '-t', 'orders', '-g', 'payments', ...args)

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rocketcluster-backlog-'))
  writeFileSync(join(directory, 'demo.yaml'), MANIFEST)
  up = new CommandLine(['up', '-f', 'demo.yaml', '--data', 'data', '--output', 'json'], { cwd: directory })
  await up.firstLine()
}, 60_000)

afterAll(async () => {
  up.process.kill('SIGTERM')
  await up.finished
  rmSync(directory, { recursive: true, force: true })
}, 30_000)

test('what is typed wrong is said before anything is asked', async () => {
  const sentence = async (...args: string[]) => (await runHere('backlog', ...args)).stderr
  expect(await sentence('--seconds', '0')).toContain('--seconds is "0"; allowed is a whole number from 1 to 3600')
  expect(await sentence('relieve', '-t', 'a')).toContain('needs --group GROUP')
  expect(await sentence('relieve', '-t', 'a', '-g', 'b', '--status', '--finish')).toContain('do not go together')
  expect(await sentence('relieve', '-t', 'a', '-g', 'b', '--key-property', 'k')).toContain(
    'goes with --keep-order-by-key',
  )
  expect(await sentence('releive')).toContain("Unexpected argument 'releive'")
  expect((await runHere('backlog', 'relieve', '--help')).stdout).toContain(
    'rocketcluster backlog relieve: move a backlog',
  )
  expect((await runHere('help', 'backlog')).stdout).toContain('rocketcluster backlog: show how far')
})

test('a backlog is seen with its cause, moved, and finished when it is consumed', async () => {
  expect(await run('topics', '--create', 'orders', '--queues', '2')).toMatchObject({ code: 0 })
  const messages = Array.from({ length: 30 }, (_, n) => ['-m', `order ${n}`]).flat()
  expect(await run('produce', '-t', 'orders', ...messages)).toMatchObject({ code: 0 })
  // Takes one message, commits, and leaves.
  expect(await run('consume', '-t', 'orders', '-g', 'payments', '-c', '1')).toMatchObject({ code: 0, stderr: '' })

  const before = await run('backlog', '-t', 'orders', '-g', 'payments', '-s', '1')
  expect(before).toMatchObject({ code: 0, stderr: '' })
  expect(before.stdout).toContain('Why: no consumer of payments is connected.')
  expect(await run('backlog', '-g', 'payments', '-s', '1', '-o', 'json')).toMatchObject({ code: 0 })

  expect((await relieve('--status')).stdout).toContain('There is no relief of orders for payments')
  expect(await relieve('--finish')).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no relief') })
  expect(await relieve()).toMatchObject({ code: 2, stderr: expect.stringContaining('begins with --queues N') })
  expect(await relieve('--queues', '4')).toMatchObject({ code: 1, stderr: expect.stringContaining('has 4 queues') })
  expect(await run('backlog', 'relieve', '-t', 'missing', '-g', 'g', '--queues', '4')).toMatchObject({ code: 1 })

  const moved = await relieve('--queues', '16')
  expect(moved).toMatchObject({ code: 0, stderr: '' })
  expect(moved.stdout).toContain('All is moved. 29 of 29 messages of orders-relief-payments are not consumed yet')
  expect(moved.stdout).toContain('The original consumers of payments can go back now')
  expect(await relieve('--finish')).toMatchObject({ code: 1, stderr: expect.stringContaining('29 messages') })

  const drained = await run('consume', '-t', 'orders-relief-payments', '-g', 'orders-relief-payments', '-c', '29')
  expect(drained.stdout.match(/order \d+/g)).toHaveLength(29)
  expect((await relieve('--status')).stdout).toContain('All is moved and consumed')
  expect(await relieve('--finish')).toMatchObject({ code: 0, stdout: expect.stringContaining('is removed') })
  const after = await run('backlog', '-s', '1')
  expect(after.stdout).toContain('No backlog')
}, 90_000)
