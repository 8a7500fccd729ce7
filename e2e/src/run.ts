/**
 * The end-to-end suites: real processes, real clients, no fakes.
 *
 *   node e2e/src/run.ts [--only NAME…] [--deadline-minute M] [--set NAME=VALUE…] [--list]
 *
 * NAME is a suite, or `suite/part of a test's name`. Past minute M no suite is started any more, and what was left out is
 * printed. The last line is `N passed, N failed`, with `, N skipped` when there are any; the exit code says whether all is well.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { CACHE, MissingError } from './apache/install.ts'
import { forgetLogs, keepLogsIn, logsSoFar, stopAll, tail } from './runner/children.ts'
import { Skip, type Suite, type Test, type TestContext, unwind } from './runner/suite.ts'

/** In this order: what users do first comes first, so that a run cut short has said the most. */
const SUITES = [
  'clients',
  'delay-and-retry',
  'timer',
  'order',
  'consumption',
  'filters',
  'pop',
  'compaction',
  'store-compatibility',
  'crash',
  'limits',
  'tools',
  'metrics',
  'tls',
  'transactions',
  'proxy',
  'backlog',
  'replication',
  'failover',
  'controller',
  'up',
] as const

/** A suite that has to be broken off still gets to print its totals and to stop its processes. */
const CLOSING_MS = 20_000

/** `rocketcluster up` takes up to ten seconds to stop its processes. */
const INTERRUPT_MS = 10_000

interface Totals {
  passed: number
  failed: number
  skipped: number
}

async function main(): Promise<number> {
  const startedMs = performance.now()
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      'deadline-minute': { type: 'string', default: '60' },
      set: { type: 'string', multiple: true, default: [] },
      list: { type: 'boolean', default: false },
    },
  })
  const only = [...values.only, ...positionals]
  const unknown = only.filter(name => !(SUITES as readonly string[]).includes(name.split('/')[0]!))
  if (unknown.length > 0) {
    process.stderr.write(`there is no suite ${unknown.join(', ')}; there are: ${SUITES.join(', ')}\n`)
    return 2
  }
  const deadlineMs = Number(values['deadline-minute']) * 60_000
  if (!Number.isFinite(deadlineMs)) {
    process.stderr.write(`--deadline-minute ${values['deadline-minute']} is not a number of minutes\n`)
    return 2
  }
  const settings = new Map(values.set.map(pair => pair.split('=') as [string, string]))
  const wanted = (suite: string, test: string) =>
    only.length === 0 ||
    only.some(name => name === suite || (name.startsWith(`${suite}/`) && test.includes(name.slice(suite.length + 1))))

  // Everything that anybody puts into the system's temporary directory lands below ours and goes with it.
  const root = mkdtempSync(join(tmpdir(), 'rocketcluster-e2e-'))
  process.env.TMPDIR = root
  keepLogsIn(join(root, 'logs'))
  process.on('exit', () => rmSync(root, { recursive: true, force: true, maxRetries: 3 }))
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      // A second one does not wait.
      if (interrupted.signal.aborted) process.exit(130)
      process.stdout.write(`\n${signal}: stopping everything\n`)
      interrupted.abort(new Error(`interrupted by ${signal}`))
      void stopAll(INTERRUPT_MS).then(() => process.exit(130))
    })
  process.on('unhandledRejection', error => {
    process.stdout.write(`a promise was left to fail: ${(error as Error)?.stack ?? error}\n`)
  })

  const totals: Totals = { passed: 0, failed: 0, skipped: 0 }
  const leftOut: string[] = []
  const failures: string[] = []
  for (const name of SUITES) {
    if (only.length > 0 && !only.some(o => o.split('/')[0] === name)) continue
    if (performance.now() - startedMs > deadlineMs) {
      leftOut.push(name)
      continue
    }
    const { default: suite } = (await import(`./suites/${name}.ts`)) as { default: Suite }
    if (values.list) {
      for (const test of suite.tests) process.stdout.write(`${suite.name}/${test.name}\n`)
      continue
    }
    const tests = suite.tests.filter(test => wanted(suite.name, test.name))
    process.stdout.write(`${suite.name}\n`)
    forgetLogs()
    for (const test of tests) {
      // A suite that began in time may still be the one that runs over: its remaining tests are then left out, by name.
      if (performance.now() - startedMs > deadlineMs) {
        leftOut.push(`${suite.name}/${test.name}`)
        continue
      }
      const outcome = await runTest(suite.name, test, settings, interrupted.signal)
      totals[outcome]++
      if (outcome === 'failed') failures.push(`${suite.name}/${test.name}`)
    }
    try {
      await within(suite.close(), CLOSING_MS, `closing suite ${suite.name}`)
    } catch (error) {
      totals.failed++
      failures.push(`${suite.name} (closing)`)
      process.stdout.write(`  FAILED closing: ${(error as Error).stack}\n`)
    }
  }
  if (values.list) return 0
  process.stdout.write('\n')
  if (failures.length > 0) process.stdout.write(`failed:\n${failures.map(name => `  ${name}`).join('\n')}\n`)
  if (leftOut.length > 0)
    process.stdout.write(`left out after minute ${values['deadline-minute']}: ${leftOut.join(', ')}\n`)
  process.stdout.write(`${Math.round((performance.now() - startedMs) / 1000)} seconds\n`)
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''
  process.stdout.write(`${totals.passed} passed, ${totals.failed} failed${skipped}\n`)
  return totals.failed > 0 ? 1 : 0
}

async function runTest(
  suite: string,
  test: Test,
  settings: ReadonlyMap<string, string>,
  interrupted: AbortSignal,
): Promise<keyof Totals> {
  const startedMs = performance.now()
  const undo: (() => unknown)[] = []
  const notes: string[] = []
  const late = new AbortController()
  const context: TestContext = {
    defer: step => undo.push(step),
    skip(reason) {
      throw new Skip(reason)
    },
    note: text => notes.push(text),
    async directory() {
      const directory = await mkdtemp(join(tmpdir(), 'test-'))
      undo.push(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }))
      return directory
    },
    signal: AbortSignal.any([late.signal, interrupted]),
    setting(name, otherwise) {
      const text = settings.get(name)
      if (text === undefined) return otherwise
      const value = Number(text)
      if (!Number.isFinite(value)) throw new Error(`--set ${name}=${text} is not a number`)
      return value
    },
  }
  const work = test.run(context)
  let failure: Error | undefined
  try {
    await within(work, test.timeoutMs, 'the test')
  } catch (error) {
    failure = error as Error
    late.abort(failure)
    work.catch(() => {})
  }
  try {
    await within(unwind(undo), CLOSING_MS, 'cleaning up')
  } catch (error) {
    failure ??= error as Error
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const line = (mark: string, more = '') =>
    process.stdout.write(
      `  ${mark} ${test.name} (${seconds} s)${more}\n${notes.map(note => `      ${note}\n`).join('')}`,
    )
  if (!failure) {
    line('ok     ')
    return 'passed'
  }
  // What cannot be had on this machine is a reason to skip; it is said aloud each time.
  if (failure instanceof Skip || failure instanceof MissingError) {
    line('skipped', `: ${failure.message}`)
    return 'skipped'
  }
  line('FAILED ')
  process.stdout.write(`${indent(failure.stack ?? failure.message)}\n`)
  showLogs(suite, test.name)
  return 'failed'
}

/** Ends of the logs of everything the suite has started, and the whole of them where the run does not remove them. */
function showLogs(suite: string, test: string): void {
  const kept = join(CACHE, 'failures', suite, test.replace(/[^\w.-]+/g, '_').slice(0, 80))
  rmSync(kept, { recursive: true, force: true })
  const logs = logsSoFar()
  for (const log of logs) cpSync(log, join(kept, basename(log)))
  // Those started last are the ones the test was about; a suite may have started dozens before.
  for (const log of logs.slice(-6)) {
    const end = tail(log, 15).trim()
    if (end !== '') process.stdout.write(`      -- ${basename(log)} ends:\n${indent(end)}\n`)
  }
  if (logs.length > 0) process.stdout.write(`      all logs: ${relativeToProject(kept)}\n`)
}

function relativeToProject(path: string): string {
  const project = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
  return path.startsWith(project) ? path.slice(project.length + 1) : path
}

const indent = (text: string) =>
  text
    .split('\n')
    .map(line => `      ${line.slice(0, 600)}`)
    .join('\n')

async function within<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeoutMs / 1000} s`)), timeoutMs)
  })
  try {
    return await Promise.race([work, tooLate])
  } finally {
    clearTimeout(timer)
  }
}

process.exit(
  await main().catch(error => {
    process.stderr.write(`${(error as Error).stack}\n`)
    return 2
  }),
)
