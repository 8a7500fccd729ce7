import { memory } from '../process-figures.ts'
import type { Setting } from '../session.ts'
import { ASYNC_FLUSH, type Measure, timeoutMs } from './measure.ts'

/** Resident memory of the broker after sends at full speed and a backlog read. */
function memoryUnderLoad(name: string, title: string, setting: Setting, target: number): Measure {
  return {
    name,
    title,
    setting,
    atEachStored: true,
    loads: true,
    metrics: [
      {
        key: 'rssMib',
        title: 'resident memory (VmRSS)',
        unit: 'MiB',
        better: 'less',
        target: { atMost: target },
        flat: true,
      },
      { key: 'peakMib', title: 'peak (VmHWM)', unit: 'MiB', better: 'less', target: { atMost: target } },
      { key: 'anonymousMib', title: 'without mapped files (RssAnon)', unit: 'MiB', better: 'less' },
    ],
    async run(session, { warmUpSeconds, seconds }) {
      const total = warmUpSeconds + seconds
      const sending = ['--in-flight', '512', '--queues', '8', '--seconds', String(total)]
      await session.load('send-load.ts', 'BenchMemory', sending, timeoutMs(total))
      const pulling = ['--queues', '8', '--seconds', String(seconds)]
      await session.load('pull-load.ts', 'BenchMemory', pulling, timeoutMs(seconds))
      const { rss, peak, anonymous } = memory(session.pid)
      return { rssMib: rss, peakMib: peak, anonymousMib: anonymous }
    },
  }
}

export const memoryDefaultHeap = memoryUnderLoad(
  'memory',
  'Resident memory under load, Apache with its default heap (8 GiB)',
  ASYNC_FLUSH,
  1 / 8,
)
export const memorySmallHeap = memoryUnderLoad(
  'memory-1g',
  'Resident memory under load, Apache with a heap of 1 GiB',
  { ...ASYNC_FLUSH, heap: '1g' },
  1 / 4,
)
