import { ASYNC_FLUSH, type Measure, timeoutMs } from './measure.ts'

const RATE = 200

/** From a send to the consumer that waits for it, at a rate that strains nobody. */
export const latency: Measure = {
  name: 'latency',
  title: `End-to-end latency, ${RATE} messages a second, long polling`,
  setting: ASYNC_FLUSH,
  atEachStored: true,
  loads: true,
  metrics: [
    { key: 'p50Ms', title: 'send to arrival, p50', unit: 'ms', better: 'less' },
    { key: 'p99Ms', title: 'send to arrival, p99', unit: 'ms', better: 'less' },
    { key: 'p999Ms', title: 'send to arrival, p99.9', unit: 'ms', better: 'less' },
    { key: 'ackP50Ms', title: 'send to acknowledgement, p50', unit: 'ms', better: 'less' },
    { key: 'ackP99Ms', title: 'send to acknowledgement, p99', unit: 'ms', better: 'less' },
  ],
  async run(session, { warmUpSeconds, seconds }) {
    // A JVM does not get warm by 200 messages a second.
    const warming = ['--in-flight', '64', '--seconds', String(warmUpSeconds)]
    await session.load('send-load.ts', 'BenchWarm', warming, timeoutMs(warmUpSeconds))
    const args = ['--rate', String(RATE), '--warm-up-seconds', '3', '--seconds', String(seconds)]
    const result = await session.load('latency-load.ts', 'BenchLatency', args, timeoutMs(seconds))
    const missing = result.sent! - result.received!
    if (missing > 0) throw new Error(`${missing} of ${result.sent} messages did not arrive within a second`)
    const { p50Ms, p99Ms, p999Ms, ackP50Ms, ackP99Ms } = result
    return { p50Ms: p50Ms!, p99Ms: p99Ms!, p999Ms: p999Ms!, ackP50Ms: ackP50Ms!, ackP99Ms: ackP99Ms! }
  },
}
