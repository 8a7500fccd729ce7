import { javaLoad } from '../java-load.ts'
import { ASYNC_FLUSH, type Measure, type Metric, timeoutMs } from './measure.ts'
import { figuresOf } from './sends.ts'

const MODES = [
  { mode: 'sync', title: '64 synchronous threads', targets: { rate: { atLeast: 2 }, p99: { atMost: 1 } } },
  { mode: 'async', title: 'asynchronous, 512 under way', targets: undefined },
  { mode: 'batch', title: '4 threads, batches of 32', targets: undefined },
] as const

/** Sends through the official Java client, which takes most of a small machine's CPU itself. */
export const javaSends: Measure = {
  name: 'java-sends',
  title: 'Sends, official Java client, ASYNC_FLUSH',
  setting: ASYNC_FLUSH,
  atEachStored: true,
  loads: true,
  metrics: MODES.flatMap(({ mode, title, targets }): Metric[] => [
    {
      key: `perSecond@${mode}`,
      title: `acknowledged 1 KiB sends, ${title}`,
      unit: '1/s',
      better: 'more',
      target: targets?.rate,
      flat: true,
    },
    { key: `cpuMicros@${mode}`, title: `broker CPU per send, ${mode}`, unit: 'µs', better: 'less' },
    { key: `p50Ms@${mode}`, title: `p50 of a request, ${mode}`, unit: 'ms', better: 'less' },
    { key: `p99Ms@${mode}`, title: `p99 of a request, ${mode}`, unit: 'ms', better: 'less', target: targets?.p99 },
    { key: `clientMicros@${mode}`, title: `client CPU per send, ${mode}`, unit: 'µs', better: 'less' },
  ]),
  async run(session, pace) {
    const figures: Record<string, number> = { failed: 0 }
    for (const { mode } of MODES) {
      // Each mode is a new client JVM, so each has to warm up; the broker's does so with the first.
      const warmUp = mode === 'sync' ? pace.warmUpSeconds : pace.shortWarmUpSeconds * 2
      const args = ['--warm-up-seconds', String(warmUp), '--seconds', String(pace.seconds)]
      const result = await javaLoad(session, mode, 'BenchJava', args, timeoutMs(warmUp + pace.seconds))
      figures.failed! += result.failed!
      for (const [key, value] of Object.entries(figuresOf(result))) figures[`${key}@${mode}`] = value
      figures[`clientMicros@${mode}`] = (result.generatorCpuSeconds! * 1e6) / result.acknowledged!
    }
    return figures
  },
}
