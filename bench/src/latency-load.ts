/**
 * End-to-end latency: one connection sends a message now and then, another holds a pull (long polling) on the same queue.
 * The time from the send to the message's arrival is measured, and the acknowledgement's too. Prints one JSON line.
 *
 *   node bench/src/latency-load.ts --address 127.0.0.1:10911 --topic T --rate 100 --seconds 10
 */
import { parseArgs } from 'node:util'
import { codeOf, connectLoad, fieldOf, serialOf } from './load/answers.ts'
import { readDigits, writeDigits } from './load/digits.ts'
import { OFFSET_DIGITS, pullTemplate, SERIAL_DIGITS, sendTemplate } from './load/frames.ts'
import { Latencies } from './load/latencies.ts'
import { announceMeasuring, giveUp, report } from './load/window.ts'

const { values } = parseArgs({
  options: {
    address: { type: 'string' },
    topic: { type: 'string' },
    broker: { type: 'string', default: 'broker-a' },
    size: { type: 'string', default: '1024' },
    /** Messages a second. */
    rate: { type: 'string', default: '100' },
    'warm-up-seconds': { type: 'string', default: '0' },
    seconds: { type: 'string', default: '10' },
  },
})
if (!values.address || !values.topic) giveUp('latency-load', '--address and --topic are needed')
const { topic, broker: brokerName } = values
const shape = { topic, brokerName, bodyBytes: Number(values.size), queues: 1, batch: 1 }
const toSend = sendTemplate(shape)
const toPull = pullTemplate({ topic, brokerName, maxMessages: 32, suspendMs: 15_000 })

/** Marks the serial in a body. */
const MARK = Buffer.from('serial=')
const KEEP_BYTES = MARK.length + SERIAL_DIGITS
const NEXT = Buffer.from('"nextBeginOffset":"')
/** SUCCESS, PULL_NOT_FOUND, PULL_RETRY_IMMEDIATELY, PULL_OFFSET_MOVED. */
const EXPECTED = [0, 19, 20, 21]

const sentAt: number[] = []
const arrivals = new Latencies()
const acknowledgements = new Latencies()
let received = 0
let firstMeasured = Number.POSITIVE_INFINITY
let offset = 0
let bodyLeft = 0
let body: Buffer[] = []

MARK.copy(toSend.frame, toSend.bodyAt)

function sendOne(): void {
  // A new buffer each time: the rate is low, and the socket may still hold the last one.
  const frame = Buffer.from(toSend.frame)
  const serial = sentAt.length
  const { opaqueAt, bodyAt } = toSend
  const [uniqAt, keysAt] = toSend.serialsAt[0]!
  for (const at of [opaqueAt, uniqAt, keysAt, bodyAt + MARK.length]) writeDigits(frame, at, SERIAL_DIGITS, serial)
  sentAt.push(performance.now())
  producer.write(frame)
}

function pull(): void {
  writeDigits(toPull.frame, toPull.offsetAt, OFFSET_DIGITS, offset)
  consumer.write(Buffer.from(toPull.frame))
}

function arrived(bytes: Buffer): void {
  const now = performance.now()
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + KEEP_BYTES)) {
    const serial = readDigits(bytes, at + MARK.length)
    received++
    if (serial >= firstMeasured) arrivals.add(now - sentAt[serial]!)
  }
}

const producer = connectLoad(values.address, {
  onAnswer(head, start, end) {
    if (codeOf(head, start) !== 0) giveUp('latency-load', `a send failed: ${head.toString('latin1', start, end)}`)
    const serial = serialOf(head, start)
    if (serial === 0) pull()
    if (serial >= firstMeasured) acknowledgements.add(performance.now() - sentAt[serial]!)
  },
  onClose: why => giveUp('latency-load', `producer: ${why}`),
})

const consumer = connectLoad(values.address, {
  onAnswer(head, start, end, bodyBytes) {
    const code = codeOf(head, start)
    if (!EXPECTED.includes(code)) giveUp('latency-load', `a pull was refused: ${head.toString('latin1', start, end)}`)
    offset = fieldOf(head, start, end, NEXT) ?? offset
    bodyLeft = bodyBytes
    if (bodyLeft === 0) pull()
  },
  onBody(chunk, start, end) {
    body.push(Buffer.from(chunk.subarray(start, end)))
    bodyLeft -= end - start
    if (bodyLeft > 0) return
    // The next pull comes first: a consumer that pulls late would be measured, not the broker.
    pull()
    arrived(Buffer.concat(body))
    body = []
  },
  onClose: why => giveUp('latency-load', `consumer: ${why}`),
})

function finish(): never {
  const { p50Ms, p99Ms, p999Ms } = arrivals.summary()
  const { p50Ms: ackP50Ms, p99Ms: ackP99Ms } = acknowledgements.summary()
  return report({ sent: sentAt.length, received, p50Ms, p99Ms, p999Ms, ackP50Ms, ackP99Ms })
}

producer.on('connect', () => {
  sendOne()
  const sending = setInterval(sendOne, 1000 / Number(values.rate))
  setTimeout(() => {
    firstMeasured = sentAt.length
    announceMeasuring()
    setTimeout(() => {
      clearInterval(sending)
      // What is on its way has a second to arrive.
      setTimeout(finish, 1000)
    }, Number(values.seconds) * 1000)
  }, Number(values['warm-up-seconds']) * 1000)
})
