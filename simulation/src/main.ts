#!/usr/bin/env node
/** `npm run simulate -- --seed N | --seeds N [--first N] [--verbose]`: plays seeds of the simulated cluster. */
import { parseArgs } from 'node:util'
import { type Outcome, runSeed } from './run.ts'
import { story, tally } from './story.ts'

const USAGE = `usage: npm run simulate -- [--seed N | --seeds N [--first N]] [--verbose]

  --seed N    plays this seed alone, twice, and tells its story
  --seeds N   plays N seeds (100 when absent); stops at the first that breaks a promise
  --first N   the first of them (0 when absent)
  --verbose   tells every story`

function count(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) {
    process.stderr.write(`--${name} ${text}: an integer from 0 to 2^53-1 is allowed\n${USAGE}\n`)
    process.exit(2)
  }
  return value
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    first: { type: 'string' },
    verbose: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  },
})

const print = (text: string) => process.stdout.write(`${text}\n`)

if (values.help) print(USAGE)
else if (values.seed !== undefined) process.exitCode = await playOne(count('seed', values.seed))
else process.exitCode = await playMany(count('first', values.first ?? '0'), count('seeds', values.seeds ?? '100'))

async function playOne(seed: number): Promise<number> {
  const outcome = await runSeed(seed)
  print(story(outcome))
  print(tally([outcome]))
  const again = await runSeed(seed)
  if (again.traceHash !== outcome.traceHash) {
    print(`BROKEN the second run's trace is ${again.traceHash.toString(16)}: something reached outside its world`)
    return 1
  }
  return outcome.violations.length > 0 ? 1 : 0
}

async function playMany(first: number, seeds: number): Promise<number> {
  // Of those that went well only the counts are kept.
  const outcomes: Outcome[] = []
  const startedMs = performance.now()
  let acked = 0
  let virtualMs = 0
  let failed: Outcome | undefined
  for (let seed = first; seed < first + seeds && !failed; seed++) {
    const outcome = await runSeed(seed)
    acked += outcome.history.acked.length
    virtualMs += outcome.virtualMs
    if (outcome.violations.length > 0) failed = outcome
    if (values.verbose || failed) print(story(outcome))
    for (const list of [outcome.history.acked, outcome.history.delivered, outcome.history.events]) list.length = 0
    outcome.history.sent.clear()
    outcomes.push(outcome)
  }
  print(tally(outcomes))
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  print(
    `${outcomes.length} seeds, ${(virtualMs / 1000).toFixed(0)} s of virtual time and ${acked} acknowledged messages in ${seconds} s: ` +
      (failed ? `seed ${failed.seed} broke a promise` : 'every promise was kept'),
  )
  return failed ? 1 : 0
}
