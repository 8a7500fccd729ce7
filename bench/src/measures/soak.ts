import { setTimeout as sleep } from 'node:timers/promises'
import { BROKER_NAME } from '../contestants/contestant.ts'
import { SlowConsumers } from '../load/slow-consumers.ts'
import { memory } from '../process-figures.ts'
import { ASYNC_FLUSH, type Measure, type Metric, timeoutMs } from './measure.ts'

/** Of each kind: what an installation of some size has. */
const TOPICS = 2000
const QUEUES = 4
const SLOW_CONSUMERS = 200
const TOPICS_SECONDS = 240
/** How much longer the second load is than the first. */
const STORED_TIMES = 5

const rss = (key: string, title: string): Metric => ({ key, title, unit: 'MiB', better: 'less' })

/** What resident memory does as messages, topics and slow consumers become more, and when they leave. */
export const soak: Measure = {
  name: 'soak',
  title: 'Resident memory over a soak (VmRSS)',
  setting: ASYNC_FLUSH,
  atEachStored: false,
  loads: true,
  metrics: [
    { key: 'stored1', title: 'messages of 1 KiB stored at first', unit: '', better: 'more' },
    rss('loadedMib', 'after them'),
    { key: 'stored2', title: `messages of 1 KiB stored after ${STORED_TIMES} times as long`, unit: '', better: 'more' },
    rss('storedMib', 'after them'),
    rss('topicsMib', `with ${TOPICS} more topics of ${QUEUES} queues, a message in each`),
    rss('slowMib', `with ${SLOW_CONSUMERS} consumers that ask for messages and never read, under load`),
    rss('afterMib', 'when they have left, under load'),
  ],
  async run(session, { warmUpSeconds, seconds }) {
    const load = async (loadSeconds: number) => {
      const args = ['--in-flight', '512', '--queues', '8', '--seconds', String(loadSeconds)]
      const { acknowledged } = await session.load('send-load.ts', 'BenchSoak', args, timeoutMs(loadSeconds))
      return acknowledged!
    }
    const mib = () => memory(session.pid).rss
    const first = warmUpSeconds + seconds
    const stored1 = await load(first)
    const loadedMib = mib()
    const stored2 = stored1 + (await load(first * STORED_TIMES))
    const storedMib = mib()
    const topics = ['--topics', String(TOPICS), '--queues', String(QUEUES)]
    await session.load('topics-load.ts', 'BenchIdle', topics, timeoutMs(TOPICS_SECONDS))
    const topicsMib = mib()
    const slow = new SlowConsumers()
    try {
      await slow.connect(SLOW_CONSUMERS, { address: session.address, topic: 'BenchSoak', brokerName: BROKER_NAME })
      await load(seconds)
    } finally {
      slow.close()
    }
    const slowMib = mib()
    await sleep(1000)
    await load(first)
    return { stored1, loadedMib, stored2, storedMib, topicsMib, slowMib, afterMib: mib() }
  },
}
