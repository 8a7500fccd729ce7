import { canDropPageCache, dropPageCache } from '../page-cache.ts'
import { ASYNC_FLUSH, type Measure, timeoutMs } from './measure.ts'

/** What must lie behind the backlog: a start reads the newest three files of the log to check them. */
const FILES_BEHIND = 4
const STORED_BYTES_PER_MESSAGE = 1300
const WARM_MESSAGES = 64 * 1024
const READ_SECONDS = 120

/**
 * The oldest part of the log, which is on the disk only: the broker is stopped, the page cache dropped (mapped pages would
 * stay), the broker started and warmed with other messages; then the backlog is read once.
 */
export const consumeCold = (coldFileBytes: number): Measure => ({
  name: 'consume-cold',
  title: 'Consuming a backlog that is only on the disk, lean generator',
  setting: { ...ASYNC_FLUSH, conf: { ...ASYNC_FLUSH.conf, mappedFileSizeCommitLog: coldFileBytes } },
  atEachStored: true,
  loads: false,
  metrics: [
    { key: 'mibPerSecond', title: 'consumed', unit: 'MiB/s', better: 'more', target: { atLeast: 1 }, flat: true },
    { key: 'cpuMicrosPerMessage', title: 'broker CPU per message', unit: 'µs', better: 'less' },
    { key: 'messagesPerPull', title: 'messages in a pull', unit: '', better: 'more' },
    { key: 'p99Ms', title: 'p99 of a pull', unit: 'ms', better: 'less' },
  ],
  async run(session, { backlog, warmUpSeconds }) {
    if (!canDropPageCache()) throw new Error('dropping the page cache needs root; there is no cold backlog without it')
    await session.write('BenchCold', backlog, 'singly')
    await session.write('BenchBehind', Math.ceil((FILES_BEHIND * coldFileBytes) / STORED_BYTES_PER_MESSAGE), 'batches')
    await session.stop()
    await dropPageCache()
    await session.start()
    await session.write('BenchWarm', WARM_MESSAGES, 'singly')
    const warming = ['--queues', '8', '--seconds', String(warmUpSeconds)]
    await session.load('pull-load.ts', 'BenchWarm', warming, timeoutMs(warmUpSeconds))
    await dropPageCache()
    const args = ['--queues', '8', '--once', '--seconds', String(READ_SECONDS)]
    const result = await session.load('pull-load.ts', 'BenchCold', args, timeoutMs(READ_SECONDS))
    return {
      mibPerSecond: result.mibPerSecond!,
      cpuMicrosPerMessage: (result.brokerCpuSeconds * 1e6) / result.messages!,
      messagesPerPull: result.messagesPerPull!,
      p99Ms: result.p99Ms!,
    }
  },
})
