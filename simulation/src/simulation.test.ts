import { expect, test } from '@jest/globals'
import { runSeed } from './run.ts'
import { story, tally } from './story.ts'

/** A sample of what `npm run simulate` plays; SEEDS=2000 for a long night. */
const SEEDS = Number(process.env.SEEDS ?? 40)
const TWICE = 20

test(
  'every promise is kept, whatever fails',
  async () => {
    const hashes: number[] = []
    const counts = []
    for (let seed = 0; seed < SEEDS; seed++) {
      const outcome = await runSeed(seed)
      if (outcome.violations.length > 0) throw new Error(story(outcome))
      hashes.push(outcome.traceHash)
      counts.push(outcome)
    }
    // A sample that met no trouble would prove nothing.
    const met = tally(counts)
    for (const rare of ['fault: power cut broker', 'fault: full disk', 'fault: EIO on sync', 'state: delivered again'])
      expect(met).toMatch(new RegExp(`[1-9] in .*${rare}`))
    for (let seed = 0; seed < Math.min(TWICE, SEEDS); seed++)
      expect([seed, (await runSeed(seed)).traceHash]).toEqual([seed, hashes[seed]])
  },
  10 * 60_000,
)
