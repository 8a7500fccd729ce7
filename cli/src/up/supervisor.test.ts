import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { backOffMs, Supervisor, type SupervisorEvent } from './supervisor.ts'

let directory: string
let events: SupervisorEvent[]
let supervisor: Supervisor

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rocketcluster-supervisor-'))
  events = []
  supervisor = new Supervisor(event => events.push(event))
})

afterEach(() => {
  supervisor.kill()
  rmSync(directory, { recursive: true, force: true })
})

const logFile = () => join(directory, 'child.log')

function start(program: string): void {
  const file = join(directory, 'child.mjs')
  writeFileSync(file, program)
  supervisor.start({ name: 'child', args: [file], logFile: logFile() })
}

async function until(happened: () => boolean): Promise<void> {
  for (let n = 0; n < 1000 && !happened(); n++) await sleep(10)
  expect(happened()).toBe(true)
}

const deaths = () => events.filter(event => event.kind === 'died')
const log = () => {
  try {
    return readFileSync(logFile(), 'utf8')
  } catch {
    return ''
  }
}

test('what dies is started again, later each time, and the end of its log is shown', async () => {
  start('console.error("about to fail"); console.error("second line"); process.exit(3)')
  await until(() => deaths().length >= 2)
  expect(deaths()[0]).toMatchObject({
    name: 'child',
    how: 'exit code 3',
    deaths: 1,
    againMs: 250,
    lastLines: ['about to fail', 'second line'],
  })
  expect(deaths()[1]).toMatchObject({ deaths: 2, againMs: 500 })
  expect(log()).toContain('about to fail\nsecond line\nabout to fail')
  expect([1, 2, 3, 8, 30].map(backOffMs)).toEqual([250, 500, 1000, 30_000, 30_000])
})

test('a killed child is reported by its signal and has another pid afterwards', async () => {
  start('console.error("up"); setInterval(() => {}, 1000)')
  await until(() => log().includes('up'))
  const before = supervisor.pid('child')!
  process.kill(before, 'SIGKILL')
  await until(() => events.some(event => event.kind === 'started' && event.again))
  expect(deaths()).toEqual([expect.objectContaining({ how: 'signal SIGKILL', deaths: 1 })])
  expect(supervisor.pid('child')).not.toBe(before)
  expect(supervisor.running).toBe(1)
})

test('stop is SIGTERM, and what exits then is not started again', async () => {
  start(
    'process.on("SIGTERM", () => { console.error("bye"); process.exit(0) }); console.error("up"); setInterval(() => {}, 1000)',
  )
  await until(() => log().includes('up'))
  expect(await supervisor.stop(['child'], 5000)).toEqual([])
  expect(log()).toBe('up\nbye\n')
  expect(supervisor.running).toBe(0)
  expect(deaths()).toEqual([])
})

test('who does not stop in time is killed', async () => {
  start('process.on("SIGTERM", () => {}); console.error("up"); setInterval(() => {}, 1000)')
  await until(() => log().includes('up'))
  expect(await supervisor.stop(['child'], 100)).toEqual(['child'])
  expect(supervisor.running).toBe(0)
})

test('stopping ends the wait for the next start', async () => {
  start('process.exit(1)')
  await until(() => deaths().length === 1)
  await supervisor.stop(['child'], 100)
  await sleep(400)
  expect(events.filter(event => event.kind === 'started')).toHaveLength(1)
})

test('new lines of the log are shown to who wants them, whole and once', async () => {
  const shown: string[] = []
  supervisor = new Supervisor(
    event => events.push(event),
    (name, line) => shown.push(`${name}: ${line}`),
  )
  writeFileSync(logFile(), 'from an earlier run\n')
  start(
    'process.stderr.write("one\\ntw"); setTimeout(() => process.stderr.write("o\\nthree\\n"), 300); setInterval(() => {}, 1000)',
  )
  await until(() => shown.length === 3)
  await supervisor.stop(['child'], 1000)
  expect(shown).toEqual(['child: one', 'child: two', 'child: three'])
})
