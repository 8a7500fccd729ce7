import type { Event } from './history.ts'
import type { Outcome } from './run.ts'

const MAX_EVENTS = 120
const MAX_VIOLATIONS = 8

export const repeatCommand = (seed: number) => `npm run simulate -- --seed ${seed}`

/** What a person needs to understand a failed seed: the plan, what happened when, what broke, how to see it again. */
export function story({ seed, plan, history, violations, traceHash, virtualMs }: Outcome): string {
  const events = history.events.length > MAX_EVENTS ? calm(history.events) : history.events
  return [
    `seed ${seed}: ${Object.entries(plan)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}`,
    ...(events.length < history.events.length ? [`  (${history.events.length - events.length} lines left out)`] : []),
    ...events.map(({ atMs, kind, text }) => `  ${(atMs / 1000).toFixed(3).padStart(9)} s  ${kind.padEnd(7)}  ${text}`),
    `  ${(virtualMs / 1000).toFixed(3).padStart(9)} s  end      trace ${traceHash.toString(16)}, ${history.acked.length} acknowledged, ${history.delivered.length} delivered`,
    ...violations.slice(0, MAX_VIOLATIONS).map(violation => `BROKEN ${violation}`),
    ...(violations.length > MAX_VIOLATIONS ? [`BROKEN … and ${violations.length - MAX_VIOLATIONS} more`] : []),
    `repeat it with: ${repeatCommand(seed)}`,
  ].join('\n')
}

/** What the simulation did always stays; of what the servers said, each sentence only the first time. */
function calm(events: readonly Event[]): Event[] {
  const said = new Set<string>()
  return events.filter(({ kind, text }) => {
    if (kind !== 'log') return true
    const sentence = text.replace(/[0-9]+/g, 'N')
    if (said.has(sentence)) return false
    said.add(sentence)
    return true
  })
}

/** How often each fault struck and each rare state was met, over all runs. */
export function tally(outcomes: Iterable<Outcome>): string {
  const total = new Map<string, { times: number; seeds: number }>()
  for (const { history } of outcomes) {
    for (const [what, times] of history.counts) {
      const entry = total.get(what) ?? { times: 0, seeds: 0 }
      total.set(what, { times: entry.times + times, seeds: entry.seeds + (times > 0 ? 1 : 0) })
    }
  }
  return [...total]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, { times, seeds }]) => `${String(times).padStart(9)} in ${String(seeds).padStart(5)} seeds  ${what}`)
    .join('\n')
}
