import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

const run = promisify(execFile)
const directory = mkdtempSync(join(tmpdir(), 'rocketcluster-build-'))
const node = (...args: string[]) => run(process.execPath, args, { timeout: 60_000 })

beforeAll(() => node(join(import.meta.dirname, 'build.ts'), directory), 60_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('each process is one file', () => {
  const files = readdirSync(directory).filter(name => name.endsWith('.js'))
  expect(files.sort()).toEqual(['broker.js', 'cli.js', 'controller.js', 'nameserver.js'])
})

test.each([
  ['broker.js', '-p', 'listenPort=10911'],
  ['controller.js', '-p', 'listenPort='],
  ['nameserver.js', '-p', 'listenPort=9876'],
  ['cli.js', '--help', 'rocketcluster'],
])('%s runs where there is nothing else', async (file, option, said) => {
  expect((await node(join(directory, file), option)).stdout).toContain(said)
})
