import type { Setting } from '../session.ts'
import { ASYNC_FLUSH, type Measure } from './measure.ts'

/** Every session takes this time when its broker first starts. */
function startOf(name: string, title: string, setting: Setting): Measure {
  return {
    name,
    title,
    setting,
    atEachStored: false,
    loads: false,
    metrics: [
      {
        key: 'startMs',
        title: 'process start to first acknowledged send',
        unit: 'ms',
        better: 'less',
        target: { atMost: 1 / 10 },
      },
    ],
    run: async session => ({ startMs: session.startMs }),
  }
}

/** Apache's own script has the JVM touch all 8 GiB of its heap first. */
export const start = startOf('start', 'Start on an empty directory, Apache with its default heap', ASYNC_FLUSH)
export const startSmallHeap = startOf('start-1g', 'Start on an empty directory, Apache with a heap of 1 GiB', {
  ...ASYNC_FLUSH,
  heap: '1g',
})
