import { setTimeout as sleep } from 'node:timers/promises'
import { ASYNC_FLUSH, type Measure } from './measure.ts'

/** How long the broker takes sends before it is killed among them. */
const LOAD_MS = 4000
const LOAD_SECONDS = 60

/** From the start of the process to the first acknowledged send, with what is stored. */
export const restart: Measure = {
  name: 'restart',
  title: 'Restart',
  setting: ASYNC_FLUSH,
  atEachStored: true,
  loads: false,
  metrics: [
    {
      key: 'cleanMs',
      title: 'after a clean stop, to first acknowledged send',
      unit: 'ms',
      better: 'less',
      mark: { value: 1000, text: '1 s' },
    },
    { key: 'killedMs', title: 'after kill -9 under load, to first acknowledged send', unit: 'ms', better: 'less' },
  ],
  async run(session) {
    await session.stop()
    await session.start()
    const cleanMs = session.startMs
    const args = ['--in-flight', '512', '--queues', '8', '--seconds', String(LOAD_SECONDS)]
    const load = session.load('send-load.ts', 'BenchKill', args, (LOAD_SECONDS + 10) * 1000)
    // It ends with the broker, and says so.
    const ended = load.catch(() => undefined)
    await sleep(LOAD_MS)
    await session.kill()
    await ended
    await session.start()
    return { cleanMs, killedMs: session.startMs }
  },
}
