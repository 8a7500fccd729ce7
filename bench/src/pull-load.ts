/**
 * The lean load generator for consumption: one connection, one PULL_MESSAGE under way for each queue (as a consumer has),
 * 32 messages a pull. Bodies are counted and dropped. Prints one JSON line.
 *
 *   node bench/src/pull-load.ts --address 127.0.0.1:10911 --topic T --queues 8 --seconds 10
 */
import { parseArgs } from 'node:util'
import { codeOf, connectLoad, fieldOf, serialOf } from './load/answers.ts'
import { writeDigits } from './load/digits.ts'
import { OFFSET_DIGITS, pullTemplate, SERIAL_DIGITS } from './load/frames.ts'
import { Latencies } from './load/latencies.ts'
import { announceMeasuring, giveUp, report } from './load/window.ts'

const { values } = parseArgs({
  options: {
    address: { type: 'string' },
    topic: { type: 'string' },
    broker: { type: 'string', default: 'broker-a' },
    /** 1 to 10. */
    queues: { type: 'string', default: '8' },
    'max-messages': { type: 'string', default: '32' },
    'warm-up-seconds': { type: 'string', default: '0' },
    seconds: { type: 'string', default: '10' },
    /** Ends when each queue has been read to its end once; otherwise a queue that ends is read again from its start. */
    once: { type: 'boolean', default: false },
  },
})
if (!values.address || !values.topic) giveUp('pull-load', '--address and --topic are needed')
const queues = Number(values.queues)
const { frame, opaqueAt, queueAt, offsetAt } = pullTemplate({
  topic: values.topic,
  brokerName: values.broker,
  maxMessages: Number(values['max-messages']),
  suspendMs: 0,
})

const SUCCESS = 0
/** Where a queue ends: PULL_NOT_FOUND; PULL_RETRY_IMMEDIATELY and PULL_OFFSET_MOVED say where to go on. */
const PULL_NOT_FOUND = 19
const GO_ON = [20, 21]
const NEXT = Buffer.from('"nextBeginOffset":"')

const frames = Array.from({ length: queues }, (_, queueId) => {
  const own = Buffer.from(frame)
  // A queue has one pull under way, so its number is all the opaque has to say.
  writeDigits(own, opaqueAt, SERIAL_DIGITS, queueId)
  own[queueAt] = 48 + queueId
  return own
})
const offsets = new Float64Array(queues)
const pulledAt = new Float64Array(queues)
const latencies = new Latencies()
let open = queues
let ready: number[] = []
let messages = 0
let bytes = 0
let pulls = 0
let measuring = false
let measuredFromMs = 0
let stopping = false

function pull(queueId: number): void {
  const own = frames[queueId]!
  writeDigits(own, offsetAt, OFFSET_DIGITS, offsets[queueId]!)
  pulledAt[queueId] = performance.now()
  socket.write(own)
}

const socket = connectLoad(values.address, {
  onAnswer(head, start, end, bodyBytes) {
    const code = codeOf(head, start)
    const queueId = serialOf(head, start)
    const next = fieldOf(head, start, end, NEXT)
    if (code === SUCCESS && next !== undefined) {
      if (measuring) {
        messages += next - offsets[queueId]!
        bytes += bodyBytes
        pulls++
        latencies.add(performance.now() - pulledAt[queueId]!)
      }
      offsets[queueId] = next
    } else if (code === PULL_NOT_FOUND) {
      if (offsets[queueId] === 0) giveUp('pull-load', `queue ${queueId} of ${values.topic} is empty`)
      if (values.once) {
        if (--open === 0) finish()
        return
      }
      offsets[queueId] = 0
    } else if (GO_ON.includes(code) && next !== undefined) offsets[queueId] = next
    else giveUp('pull-load', `a pull was refused: ${head.toString('latin1', start, end)}`)
    ready.push(queueId)
  },
  onChunkEnd() {
    if (stopping) finish()
    const pulling = ready
    ready = []
    socket.cork()
    for (const queueId of pulling) pull(queueId)
    socket.uncork()
  },
  onClose: why => giveUp('pull-load', why),
})

function finish(): never {
  const seconds = (performance.now() - measuredFromMs) / 1000
  return report({
    messages,
    mib: bytes / 2 ** 20,
    seconds,
    perSecond: messages / seconds,
    mibPerSecond: bytes / 2 ** 20 / seconds,
    messagesPerPull: messages / Math.max(1, pulls),
    ...latencies.summary(),
  })
}

function startMeasuring(): void {
  measuring = true
  measuredFromMs = performance.now()
  announceMeasuring()
  setTimeout(() => (stopping = true), Number(values.seconds) * 1000)
}

socket.on('connect', () => {
  const warmUpMs = Number(values['warm-up-seconds']) * 1000
  if (warmUpMs > 0) setTimeout(startMeasuring, warmUpMs)
  else startMeasuring()
  for (let queueId = 0; queueId < queues; queueId++) pull(queueId)
})
