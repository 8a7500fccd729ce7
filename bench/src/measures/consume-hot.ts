import { ASYNC_FLUSH, type Measure, timeoutMs } from './measure.ts'

/** A backlog that was just written, read again and again by a lean consumer. */
export const consumeHot: Measure = {
  name: 'consume-hot',
  title: 'Consuming a backlog just written, lean generator',
  setting: ASYNC_FLUSH,
  atEachStored: true,
  loads: true,
  metrics: [
    { key: 'mibPerSecond', title: 'consumed', unit: 'MiB/s', better: 'more', target: { atLeast: 1.5 }, flat: true },
    { key: 'cpuMicrosPerMessage', title: 'broker CPU per message', unit: 'µs', better: 'less' },
    { key: 'messagesPerPull', title: 'messages in a pull', unit: '', better: 'more' },
    { key: 'p99Ms', title: 'p99 of a pull', unit: 'ms', better: 'less' },
  ],
  async run(session, { backlog, warmUpSeconds, seconds }) {
    await session.write('BenchBacklog', backlog, 'singly')
    const args = ['--queues', '8', '--warm-up-seconds', String(warmUpSeconds), '--seconds', String(seconds)]
    const result = await session.load('pull-load.ts', 'BenchBacklog', args, timeoutMs(warmUpSeconds + seconds))
    return {
      mibPerSecond: result.mibPerSecond!,
      cpuMicrosPerMessage: (result.brokerCpuSeconds * 1e6) / result.messages!,
      messagesPerPull: result.messagesPerPull!,
      p99Ms: result.p99Ms!,
    }
  },
}
