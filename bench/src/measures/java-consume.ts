import { javaLoad } from '../java-load.ts'
import { ASYNC_FLUSH, type Measure, type Metric, timeoutMs } from './measure.ts'

const WAYS = ['pull', 'push'] as const
/** Of the backlog: the client's JVM warms up with it. */
const WARM_UP_PART = 0.4
/** The slowest consumer that is waited for. */
const MESSAGES_PER_SECOND = 5000

/** A backlog just written, through the official Java consumers; the client is the bottleneck on a small machine. */
export const javaConsume: Measure = {
  name: 'java-consume',
  title: 'Consuming a backlog just written, official Java client',
  setting: ASYNC_FLUSH,
  atEachStored: true,
  loads: true,
  metrics: WAYS.flatMap((way): Metric[] => [
    {
      key: `mibPerSecond@${way}`,
      title: `consumed, ${way} consumer`,
      unit: 'MiB/s',
      better: 'more',
      target: { atLeast: 1.5 },
      flat: true,
    },
    { key: `cpuMicros@${way}`, title: `broker CPU per message, ${way}`, unit: 'µs', better: 'less' },
    { key: `clientMicros@${way}`, title: `client CPU per message, ${way}`, unit: 'µs', better: 'less' },
  ]),
  async run(session, { backlog, warmUpSeconds }) {
    await session.write('BenchJavaBacklog', backlog, 'singly')
    const warming = ['--queues', '8', '--seconds', String(warmUpSeconds)]
    await session.load('pull-load.ts', 'BenchJavaBacklog', warming, timeoutMs(warmUpSeconds))
    const figures: Record<string, number> = {}
    for (const way of WAYS) {
      const args = ['--count', String(backlog), '--warm-up-count', String(Math.floor(backlog * WARM_UP_PART))]
      const limitMs = timeoutMs(backlog / MESSAGES_PER_SECOND)
      const result = await javaLoad(session, way, 'BenchJavaBacklog', args, limitMs)
      figures[`mibPerSecond@${way}`] = result.mibPerSecond!
      figures[`cpuMicros@${way}`] = (result.brokerCpuSeconds * 1e6) / result.messages!
      figures[`clientMicros@${way}`] = (result.generatorCpuSeconds! * 1e6) / result.messages!
    }
    return figures
  },
}
