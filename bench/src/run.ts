/**
 * `npm run bench -- [--quick] [--only NAME]… [--stored 0,1,10] [--rounds N]`: Apache RocketMQ and RocketCluster in turn,
 * with the same clients and settings. Prints the report and writes it to bench/results/. README.md says how to read it.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { apache } from './contestants/apache.ts'
import type { Contestant } from './contestants/contestant.ts'
import { entryPoints } from './contestants/entry-points.ts'
import { ours } from './contestants/ours.ts'
import { measuresAt } from './measures/index.ts'
import type { Pace } from './measures/measure.ts'
import { syncDisks } from './page-cache.ts'
import { type Group, plan } from './plan.ts'
import { environment } from './report/environment.ts'
import { markdown, number } from './report/markdown.ts'
import type { Failure, Sample } from './samples.ts'
import { Session } from './session.ts'

const FULL: Pace = {
  warmUpSeconds: 20,
  shortWarmUpSeconds: 5,
  seconds: 20,
  backlog: 2 ** 20,
  coldFileBytes: 2 ** 30,
}
const QUICK: Pace = {
  warmUpSeconds: 6,
  shortWarmUpSeconds: 1,
  seconds: 3,
  backlog: 2 ** 17,
  coldFileBytes: 2 ** 26,
}

const USAGE = `usage: npm run bench -- [options]

  --quick          one round of short runs with an empty store, at most six minutes; noisy
  --only NAME      only this measure; may be given several times
  --stored LIST    GiB stored before measuring, such as 0,1,10 (default: 0,1,10; with --quick: 0)
  --rounds N       how often each contestant is measured (default: 3; with --quick: 1)
  --ours           ours alone, without Apache: while one works on it
  --sources        our TypeScript sources instead of the bundles that ship
`

function wrong(message: string): never {
  process.stderr.write(`${message}\n\n${USAGE}`)
  process.exit(2)
}

function options() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        stored: { type: 'string' },
        rounds: { type: 'string' },
        ours: { type: 'boolean', default: false },
        sources: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    return wrong((error as Error).message)
  }
}

const values = options()
if (values.help) {
  process.stdout.write(USAGE)
  process.exit(0)
}
const { quick } = values
const pace = quick ? QUICK : FULL
const all = measuresAt(pace)
const only = (values.only ?? []).flatMap(names => names.split(','))
for (const name of only)
  if (!all.some(measure => measure.name === name))
    wrong(`--only ${name}: there are ${all.map(measure => measure.name).join(', ')}`)
const measures = all.filter(({ name }) => only.length === 0 || only.includes(name))
const stored = (values.stored ?? (quick ? '0' : '0,1,10')).split(',').map(Number)
if (stored.some(gib => !(gib >= 0 && gib <= 1024)))
  wrong(`--stored ${values.stored}: numbers of GiB from 0 to 1024, by commas`)
const rounds = Number(values.rounds ?? (quick ? 1 : 3))
if (!(Number.isInteger(rounds) && rounds >= 1)) wrong(`--rounds ${values.rounds}: a whole number from 1 on`)

const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`)
const samples: Sample[] = []
const failures: Failure[] = []

/** For a broker that has been under load: its next load is often of another kind, so some warm-up stays. */
const again: Pace = { ...pace, warmUpSeconds: pace.warmUpSeconds / 2 }

/** A measure that fails is a line of the report; the others go on, with a new broker. */
async function take(group: Group, contestant: Contestant, round: number): Promise<void> {
  const left = [...group.measures]
  while (left.length > 0) {
    let session: Session | undefined
    let loaded = false
    let measure = left[0]!
    try {
      session = await Session.open(contestant, group.setting)
      await session.fill(group.stored)
      for (; left.length > 0; left.shift()) {
        measure = left[0]!
        // What an earlier measure left for the disk is not this one's.
        if (loaded) await syncDisks()
        say(`${contestant.name}: ${measure.name}, ${group.stored} GiB stored, round ${round} of ${rounds}`)
        const figures = await measure.run(session, loaded ? again : pace)
        loaded ||= measure.loads
        samples.push({ measure: measure.name, stored: group.stored, round, who: contestant.name, figures })
        const shown = measure.metrics.flatMap(({ key }) =>
          figures[key] === undefined ? [] : `${key} ${number(figures[key])}`,
        )
        say(`  ${shown.join('  ')}`)
      }
    } catch (error) {
      const { message } = error as Error
      failures.push({ measure: measure.name, stored: group.stored, round, who: contestant.name, message })
      say(`  failed: ${message}`)
      left.shift()
    } finally {
      await session?.close()
    }
  }
}

const own = ours(await entryPoints(values.sources))
const other = values.ours ? undefined : await apache()
const contestants = other ? [other, own] : [own]
const where = environment({ apache: other?.version ?? 'without Apache RocketMQ', ours: own.version })
const directory = fileURLToPath(new URL('../results/', import.meta.url))
mkdirSync(directory, { recursive: true })
const name = `${directory}${where.date}${quick ? '-quick' : ''}${only.length > 0 ? `-${only.join('-')}` : ''}`

/** After each broker, so that hours of figures do not go with what may go wrong in the last one. */
function save(): string {
  const text = markdown({ environment: where, measures, stored, rounds, quick, results: { samples, failures } })
  const data = { environment: where, options: { quick, only, stored, rounds, pace }, samples, failures }
  const json = JSON.stringify(data, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value))
  writeFileSync(`${name}.md`, text)
  writeFileSync(`${name}.json`, `${json}\n`)
  return text
}

for (let round = 1; round <= rounds; round++)
  for (const group of plan(measures, stored, quick))
    for (const contestant of contestants) {
      await take(group, contestant, round)
      save()
    }

process.stdout.write(`\n${save()}`)
say(`written to ${name}.md and .json`)
process.exit(failures.length > 0 ? 1 : 0)
