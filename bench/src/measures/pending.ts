import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSeconds, memory } from '../process-figures.ts'
import type { Session } from '../session.ts'
import { ASYNC_FLUSH, type Measure, type Metric, timeoutMs } from './measure.ts'

/** What waits, in the full run; `--quick` takes a tenth. */
const PENDING = { delayed: 5_000_000, timed: 5_000_000, half: 1_000_000, topics: 10_000 }
const QUICK_SHARE = 10
/** Level 18: two hours. */
const FAR_LEVEL = 18
const FAR_SECONDS = 7200
/** A delayed message comes one second after its send, so a load of some seconds pays for most of its deliveries too. */
const DELIVERED_MS = 3000
/** What a look before leaves for the disk, and a message of a fill: its record, its copy's, entries of queues, index and timer log. */
const LOOK_GIB = 2
const MESSAGE_GIB = 600 / 2 ** 30
const NEAR = { level: 'delay:1', timer: 'timer:1' }
const STEPS = ['empty', 'delayed', 'half', 'topics'] as const
const TITLES = {
  empty: 'nothing pending',
  delayed: 'with delayed and timed messages pending',
  half: 'and half messages of which nobody decides',
  topics: 'and idle topics',
}

const metrics = STEPS.flatMap((step): Metric[] => [
  { key: `perSecond@${step}`, title: `plain sends, ${TITLES[step]}`, unit: '1/s', better: 'more' },
  { key: `plainMicros@${step}`, title: `broker CPU per plain send, ${TITLES[step]}`, unit: 'µs', better: 'less' },
  { key: `levelMicros@${step}`, title: `… per send and delivery after 1 s by level`, unit: 'µs', better: 'less' },
  { key: `timerMicros@${step}`, title: `… per send and delivery after 1 s by timer`, unit: 'µs', better: 'less' },
  { key: `rssMib@${step}`, title: `resident memory, ${TITLES[step]}`, unit: 'MiB', better: 'less' },
])

/** Whether a message costs the same when many others wait: for their time, for their transaction's end, for consumers. */
export const pending: Measure = {
  name: 'pending',
  title: `Cost of a message while others wait (${PENDING.delayed} by level, ${PENDING.timed} timed, ${PENDING.half} half, ${PENDING.topics} topics; a tenth with --quick)`,
  setting: ASYNC_FLUSH,
  atEachStored: false,
  loads: true,
  metrics,
  async run(session, { warmUpSeconds, seconds, backlog }) {
    const share = backlog < 2 ** 20 ? QUICK_SHARE : 1
    const figures: Record<string, number> = {}
    const look = async (step: (typeof STEPS)[number], filled = 0) => {
      await session.settle(LOOK_GIB + filled * MESSAGE_GIB)
      const plain = await costOf(session, 'plain', seconds)
      figures[`perSecond@${step}`] = plain.perSecond
      figures[`plainMicros@${step}`] = plain.cpuMicros
      figures[`levelMicros@${step}`] = (await costOf(session, NEAR.level, seconds)).cpuMicros
      figures[`timerMicros@${step}`] = (await costOf(session, NEAR.timer, seconds)).cpuMicros
      figures[`rssMib@${step}`] = memory(session.pid).rss
    }
    await costOf(session, 'plain', warmUpSeconds)
    await look('empty')
    await fill(session, `delay:${FAR_LEVEL}`, PENDING.delayed / share)
    await fill(session, `timer:${FAR_SECONDS}`, PENDING.timed / share)
    await look('delayed', (PENDING.delayed + PENDING.timed) / share)
    await fill(session, 'half', PENDING.half / share)
    await look('half', PENDING.half / share)
    const topics = ['--topics', String(PENDING.topics / share), '--queues', '4']
    await session.load('topics-load.ts', 'BenchIdle', topics, timeoutMs(PENDING.topics / share / 10))
    await look('topics')
    return figures
  },
}

const SMALL = ['--size', '100', '--queues', '8']

/** Broker CPU of so many seconds of sends, and of what is delivered of them until a moment after. */
async function costOf(session: Session, kind: string, seconds: number) {
  const before = cpuSeconds(session.pid)
  const args = [...SMALL, '--kind', kind, '--in-flight', '256', '--seconds', String(seconds)]
  const { acknowledged, perSecond } = await session.load('send-load.ts', 'BenchPending', args, timeoutMs(seconds))
  if (kind !== 'plain') await sleep(DELIVERED_MS)
  return { perSecond: perSecond!, cpuMicros: ((cpuSeconds(session.pid) - before) * 1e6) / acknowledged! }
}

async function fill(session: Session, kind: string, count: number): Promise<void> {
  const args = [...SMALL, '--kind', kind, '--in-flight', '256', '--count', String(count)]
  await session.load('send-load.ts', 'BenchWaiting', args, timeoutMs(count / 5000))
}
