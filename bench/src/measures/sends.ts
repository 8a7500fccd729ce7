import type { LoadResult } from '../load-process.ts'
import type { Session, Setting } from '../session.ts'
import { ASYNC_FLUSH, type Figures, type Measure, type Metric, type Pace, SYNC_FLUSH, timeoutMs } from './measure.ts'

const IN_FLIGHT = [512, 64] as const

/** Acknowledged sends through the lean generator: one connection, so many requests under way. */
function sends(name: string, title: string, setting: Setting, targets: { rate: number; perCpu?: number }): Measure {
  const metrics = IN_FLIGHT.flatMap((inFlight): Metric[] => {
    const targeted = inFlight === 512
    const metric = (key: string, what: string, unit: string, better: Metric['better'], more: Partial<Metric> = {}) => ({
      key: `${key}@${inFlight}`,
      title: `${what}, in-flight ${inFlight}`,
      unit,
      better,
      ...more,
    })
    const rate = targeted ? { atLeast: targets.rate } : undefined
    const perCpu = targeted && targets.perCpu ? { atLeast: targets.perCpu } : undefined
    const mark = targeted && name === 'sends' ? { value: 150_000, text: '150,000/s' } : undefined
    return [
      metric('perSecond', 'acknowledged 1 KiB sends', '1/s', 'more', { target: rate, mark, flat: true }),
      metric('perCpuSecond', 'sends per broker CPU-second', '1/s', 'more', { target: perCpu, flat: true }),
      metric('cpuMicros', 'broker CPU per send', 'µs', 'less'),
      metric('p50Ms', 'p50', 'ms', 'less'),
      metric('p99Ms', 'p99', 'ms', 'less'),
      metric('p999Ms', 'p99.9', 'ms', 'less'),
    ]
  })
  const run = async (session: Session, pace: Pace): Promise<Figures> => {
    const figures: Record<string, number> = { failed: 0 }
    for (const inFlight of IN_FLIGHT) {
      const first = inFlight === IN_FLIGHT[0]
      const warmUp = first ? pace.warmUpSeconds : pace.shortWarmUpSeconds
      const seconds = first ? pace.seconds : pace.seconds / 2
      const args = ['--in-flight', inFlight, '--queues', 8, '--warm-up-seconds', warmUp, '--seconds', seconds]
      const result = await session.load('send-load.ts', 'BenchSends', args.map(String), timeoutMs(warmUp + seconds))
      figures.failed! += result.failed!
      for (const [key, value] of Object.entries(figuresOf(result))) figures[`${key}@${inFlight}`] = value
    }
    return figures
  }
  return { name, title, setting, atEachStored: true, loads: true, metrics, run }
}

/** Of a load that sends, through whichever client. */
export function figuresOf(result: LoadResult) {
  const { perSecond, p50Ms, p99Ms, p999Ms, acknowledged, seconds, brokerCpuSeconds, generatorCpuSeconds } = result
  return {
    perSecond: perSecond!,
    perCpuSecond: acknowledged! / brokerCpuSeconds,
    cpuMicros: (brokerCpuSeconds * 1e6) / acknowledged!,
    p50Ms: p50Ms!,
    p99Ms: p99Ms!,
    p999Ms: p999Ms!,
    brokerCores: brokerCpuSeconds / seconds!,
    generatorCpuSeconds: generatorCpuSeconds!,
  }
}

export const asyncSends = sends('sends', 'Sends, lean generator, ASYNC_FLUSH', ASYNC_FLUSH, { rate: 4, perCpu: 8 })
export const syncSends = sends('sync-flush', 'Sends, lean generator, SYNC_FLUSH', SYNC_FLUSH, { rate: 1.5 })
