import type { Measure } from '../measures/measure.ts'
import type { Results } from '../samples.ts'
import { compare, flatness, type Row } from './compare.ts'
import type { Environment } from './environment.ts'

export interface Run {
  readonly environment: Environment
  readonly measures: readonly Measure[]
  readonly stored: readonly number[]
  readonly rounds: number
  readonly quick: boolean
  readonly results: Results
}

/** The whole report. */
export function markdown(run: Run): string {
  const sections = run.stored.map(stored => storedSection(run, stored)).filter(text => text !== '')
  return `${[header(run), targetSection(run), ...sections, flatSection(run), notes(run)].filter(text => text !== '').join('\n\n')}\n`
}

function header({ environment, rounds, quick }: Run): string {
  const { date, cpu, cores, memoryGib, kernel, java, apache, ours, commit, load } = environment
  return [
    `# RocketCluster beside Apache RocketMQ, ${date}`,
    '',
    `${rounds} round${rounds === 1 ? '' : 's'}${quick ? ', quick: the figures are noisy' : ''}, each contestant in turn on a fresh directory.`,
    'A value is the median of the rounds; the ratio is ours divided by Apache’s, with the least and the greatest of a round.',
    '',
    `- ${apache}, ${java}`,
    `- ${ours}${commit ? `, commit ${commit}` : ''}`,
    `- ${cores} × ${cpu}, ${memoryGib} GiB, Linux ${kernel}; load average at the start ${load}`,
  ].join('\n')
}

/** What was promised, in one place. */
function targetSection(run: Run): string {
  const verdicts = run.stored.flatMap(stored =>
    run.measures.flatMap(measure =>
      measure.metrics.flatMap(metric => {
        const row = compare(run.results, measure, metric, stored)
        return row && row.verdict !== '' ? [{ measure, stored, row }] : []
      }),
    ),
  )
  if (verdicts.length === 0) return ''
  const missed = verdicts.filter(({ row }) => row.verdict === 'not met')
  const lines = missed.map(
    ({ measure, stored, row }) =>
      `- ${measure.title}, ${stored} GiB stored: ${row.metric.title} ${number(row.ours)} ${row.metric.unit}, ratio ${number(row.ratio)}, target ${row.target}`,
  )
  return [`## Targets: ${verdicts.length - missed.length} of ${verdicts.length} met`, '', ...lines].join('\n').trimEnd()
}

function storedSection(run: Run, stored: number): string {
  const tables = run.measures.flatMap(measure => {
    const rows = measure.metrics.flatMap(metric => compare(run.results, measure, metric, stored) ?? [])
    return rows.length === 0 ? [] : [`### ${measure.title}\n\n${table(rows)}`]
  })
  if (tables.length === 0) return ''
  return [`## ${stored === 0 ? 'Empty store' : `${stored} GiB stored`}`, ...tables].join('\n\n')
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ metric, apache, ours, ratio, ratioMin, ratioMax, target, verdict }) => {
    const unit = metric.unit === '' ? '' : ` (${metric.unit})`
    const cells = [
      `${metric.title}${unit}`,
      number(apache),
      number(ours),
      spread({ ratio, ratioMin, ratioMax }),
      target,
      verdict === 'not met' ? '**not met**' : verdict,
    ]
    return `| ${cells.join(' | ')} |`
  })
  return ['| | Apache | ours | ratio | target | |', '| --- | ---: | ---: | ---: | --- | --- |', ...lines].join('\n')
}

function spread({ ratio, ratioMin, ratioMax }: Pick<Row, 'ratio' | 'ratioMin' | 'ratioMax'>): string {
  if (!Number.isFinite(ratio)) return '–'
  return ratioMin === ratioMax ? number(ratio) : `${number(ratio)} (${number(ratioMin)}–${number(ratioMax)})`
}

function flatSection({ results, measures, stored }: Run): string {
  const rows = flatness(results, measures, stored)
  if (rows.length === 0) return ''
  const lines = rows.map(
    ({ measure, metric, apache, ours, verdict }) =>
      `| ${measure.title}: ${metric.title} | ${percent(apache)} | ${percent(ours)} | ${verdict === 'not met' ? '**not met**' : verdict} |`,
  )
  return [
    `## Change from ${Math.min(...stored)} to ${Math.max(...stored)} GiB stored (at most 10 % worse)`,
    '',
    '| | Apache | ours | |',
    '| --- | ---: | ---: | --- |',
    ...lines,
  ].join('\n')
}

function notes({ results }: Run): string {
  const failed = results.samples.flatMap(({ measure, stored, round, who, figures }) =>
    (figures.failed ?? 0) > 0
      ? [
          `- ${who}, ${measure} at ${stored} GiB, round ${round}: ${figures.failed} sends were refused; they count as nothing`,
        ]
      : [],
  )
  const missing = results.failures.map(
    ({ measure, stored, round, who, message }) =>
      `- ${who}, ${measure} at ${stored} GiB, round ${round}, could not be measured: ${message.split('\n')[0]}`,
  )
  const lines = [...failed, ...missing]
  return lines.length === 0 ? '' : ['## Notes', '', ...lines].join('\n')
}

function percent(ratio: number): string {
  if (Number.isNaN(ratio)) return '–'
  const change = Math.round((ratio - 1) * 1000) / 10
  return `${change > 0 ? '+' : ''}${change} %`
}

/** Three digits that count. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}
