import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, connectLoad } from './load/answers.ts'
import { sendTemplate } from './load/frames.ts'

const RETRY_MS = 5
/** A send that a starting broker has taken and does not answer is given up and repeated. */
const ANSWER_TIMEOUT_MS = 2000

/**
 * A client that is already there: connects and sends, again and again, until one send is acknowledged. Resolves with
 * the time at which it was, on performance.now()'s scale.
 */
export async function firstAcknowledgement(
  target: { address: string; topic: string; brokerName: string },
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<number> {
  const deadline = performance.now() + options.timeoutMs
  const { frame } = sendTemplate({ ...target, bodyBytes: 1024, queues: 4, batch: 1 })
  let last = 'no answer'
  while (performance.now() < deadline && !options.signal?.aborted) {
    const answered = await attempt(target.address, frame)
    if (answered === true) return performance.now()
    last = answered
    await sleep(RETRY_MS)
  }
  throw new Error(`${target.address} acknowledged nothing within ${options.timeoutMs} ms; the last attempt: ${last}`)
}

/** True when the send was acknowledged, else why not. */
function attempt(address: string, frame: Buffer): Promise<true | string> {
  return new Promise(resolve => {
    const socket = connectLoad(address, {
      onAnswer(head, start, end) {
        done(codeOf(head, start) === 0 || head.toString('latin1', start, end))
      },
      onClose: done,
    })
    const late = setTimeout(() => done('no answer in time'), ANSWER_TIMEOUT_MS)
    function done(result: true | string): void {
      clearTimeout(late)
      socket.destroy()
      resolve(result)
    }
    socket.on('connect', () => socket.write(frame))
  })
}
