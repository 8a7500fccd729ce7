import type { Measure, Metric } from '../measures/measure.ts'
import { median, type Results, type Who } from '../samples.ts'

/** One line of the report. */
export interface Row {
  readonly metric: Metric
  readonly apache: number
  readonly ours: number
  /** Ours divided by Apache's: the medians', and the least and the greatest of a single round. */
  readonly ratio: number
  readonly ratioMin: number
  readonly ratioMax: number
  readonly target: string
  readonly verdict: 'met' | 'not met' | ''
}

export interface Flatness {
  readonly measure: Measure
  readonly metric: Metric
  /** The value with the fullest store divided by that with the emptiest. */
  readonly apache: number
  readonly ours: number
  readonly verdict: 'met' | 'not met'
}

const FLAT_WITHIN = 0.1

function valuesOf({ samples }: Results, measure: Measure, metric: Metric, stored: number, who: Who) {
  const byRound = new Map<number, number>()
  for (const sample of samples) {
    const value = sample.figures[metric.key]
    if (sample.measure !== measure.name || sample.stored !== stored || sample.who !== who || value === undefined)
      continue
    byRound.set(sample.round, value)
  }
  return byRound
}

/** Undefined when neither of the two has a value. */
export function compare(results: Results, measure: Measure, metric: Metric, stored: number): Row | undefined {
  const apache = valuesOf(results, measure, metric, stored, 'Apache')
  const ours = valuesOf(results, measure, metric, stored, 'RocketCluster')
  if (apache.size === 0 && ours.size === 0) return undefined
  const ratios = [...ours].flatMap(([round, value]) => (apache.has(round) ? [value / apache.get(round)!] : []))
  const ourMedian = median([...ours.values()])
  const apacheMedian = median([...apache.values()])
  const ratio = ourMedian / apacheMedian
  const { target, mark, better } = metric
  /** Without one of the two there is nothing to be met. */
  const against = (met: boolean) => (Number.isNaN(ratio) ? undefined : met)
  const wanted: { text: string; met: boolean | undefined }[] = []
  if (target?.atLeast !== undefined)
    wanted.push({ text: `≥ ${times(target.atLeast)}`, met: against(ratio >= target.atLeast) })
  if (target?.atMost !== undefined)
    wanted.push({ text: `≤ ${times(target.atMost)}`, met: against(ratio <= target.atMost) })
  if (mark) {
    const met = better === 'more' ? ourMedian >= mark.value : ourMedian <= mark.value
    wanted.push({ text: mark.text, met })
  }
  return {
    metric,
    apache: apacheMedian,
    ours: ourMedian,
    ratio,
    ratioMin: Math.min(...ratios),
    ratioMax: Math.max(...ratios),
    target: wanted.map(({ text }) => text).join(', '),
    verdict:
      wanted.length === 0 || wanted.some(({ met }) => met === undefined)
        ? ''
        : wanted.every(({ met }) => met)
          ? 'met'
          : 'not met',
  }
}

const times = (ratio: number) => (ratio >= 1 ? `${ratio}×` : `1/${Math.round(1 / ratio)}`)

/** What is to stay the same between the emptiest and the fullest store that were measured. */
export function flatness(results: Results, measures: readonly Measure[], stored: readonly number[]): Flatness[] {
  const least = Math.min(...stored)
  const most = Math.max(...stored)
  if (least === most) return []
  return measures.flatMap(measure =>
    measure.metrics.flatMap((metric): Flatness[] => {
      if (!metric.flat) return []
      const change = (who: Who) =>
        median([...valuesOf(results, measure, metric, most, who).values()]) /
        median([...valuesOf(results, measure, metric, least, who).values()])
      const ours = change('RocketCluster')
      if (Number.isNaN(ours)) return []
      const worse = metric.better === 'more' ? 1 - ours : ours - 1
      return [{ measure, metric, apache: change('Apache'), ours, verdict: worse <= FLAT_WITHIN ? 'met' : 'not met' }]
    }),
  )
}
