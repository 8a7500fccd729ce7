/**
 * Makes many topics with a little in each: one message of 1 KiB to every queue of `<topic>-0`, `<topic>-1`, …, a queue of a
 * topic after the other so that a topic is made once. Prints one JSON line.
 *
 *   node bench/src/topics-load.ts --address 127.0.0.1:10911 --topic Idle --topics 1000 --queues 4
 */
import { parseArgs } from 'node:util'
import { codeOf, connectLoad } from './load/answers.ts'
import { sendTemplate } from './load/frames.ts'
import { announceMeasuring, giveUp, report } from './load/window.ts'

const { values } = parseArgs({
  options: {
    address: { type: 'string' },
    topic: { type: 'string' },
    broker: { type: 'string', default: 'broker-a' },
    topics: { type: 'string', default: '1000' },
    /** 1 to 10. */
    queues: { type: 'string', default: '4' },
  },
})
if (!values.address || !values.topic) giveUp('topics-load', '--address and --topic are needed')
const topics = Number(values.topics)
const queues = Number(values.queues)
/** Topics under way at once: making one costs the broker a file that it syncs. */
const AT_ONCE = 64

let begun = 0
let acknowledged = 0
const startedMs = performance.now()

function* frames(): Generator<Buffer> {
  for (let topic = 0; topic < topics; topic++) {
    const shape = { topic: `${values.topic}-${topic}`, brokerName: values.broker, bodyBytes: 1024, queues, batch: 1 }
    const { frame, queueAt } = sendTemplate(shape)
    for (let queueId = 0; queueId < queues; queueId++) {
      frame[queueAt] = 48 + queueId
      yield Buffer.from(frame)
    }
  }
}

const left = frames()
function sendOne(): void {
  const next = left.next()
  if (next.done) return
  begun++
  socket.write(next.value)
}

const socket = connectLoad(values.address, {
  onAnswer(head, start, end) {
    if (codeOf(head, start) !== 0) giveUp('topics-load', `a send was refused: ${head.toString('latin1', start, end)}`)
    if (++acknowledged === topics * queues) report({ acknowledged, seconds: (performance.now() - startedMs) / 1000 })
    sendOne()
  },
  onClose: why => giveUp('topics-load', `${why} after ${acknowledged} of ${begun} sends`),
})
socket.on('connect', () => {
  announceMeasuring()
  for (let i = 0; i < AT_ONCE; i++) sendOne()
})
