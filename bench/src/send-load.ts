/**
 * The lean, pipelined load generator for sends: one connection and a fixed number of requests under way. Runs as its own
 * process and prints one JSON line.
 *
 *   node bench/src/send-load.ts --address 127.0.0.1:10911 --topic T --size 1024 --in-flight 512 --seconds 10
 */
import { parseArgs } from 'node:util'
import { codeOf, connectLoad, serialOf } from './load/answers.ts'
import { writeDigits } from './load/digits.ts'
import { SERIAL_DIGITS, SERIALS, sendTemplate } from './load/frames.ts'
import { Latencies } from './load/latencies.ts'
import { announceMeasuring, giveUp, report } from './load/window.ts'

const { values } = parseArgs({
  options: {
    address: { type: 'string' },
    topic: { type: 'string' },
    broker: { type: 'string', default: 'broker-a' },
    size: { type: 'string', default: '1024' },
    'in-flight': { type: 'string', default: '512' },
    /** 1 to 10. */
    queues: { type: 'string', default: '4' },
    /** `delay:18` is a level, `timer:3600` seconds, `half` the first part of a transaction. */
    kind: { type: 'string', default: 'plain' },
    /** Messages in one request. */
    batch: { type: 'string', default: '1' },
    'warm-up-seconds': { type: 'string', default: '0' },
    seconds: { type: 'string', default: '10' },
    /** Stops when so many messages are acknowledged instead of after a time; what is refused is sent again. */
    count: { type: 'string', default: '0' },
  },
})
if (!values.address || !values.topic) giveUp('send-load', '--address and --topic are needed')
const batch = Number(values.batch)
const queues = Number(values.queues)
let requests = Math.ceil(Number(values.count) / batch) || Number.POSITIVE_INFINITY
/** A broker that is still cold may be busy for a moment; one that refuses this much does not work. */
const mostRefusals = 1000 + requests / 10
const warmUpMs = Number(values['warm-up-seconds']) * 1000
/** MessageSysFlag.java TRANSACTION_PREPARED_TYPE */
const PREPARED = 4
function ofKind(kind: string): { properties?: string; sysFlag?: number } {
  const [what, amount] = kind.split(':')
  if (what === 'plain') return {}
  if (what === 'delay') return { properties: `DELAY\x01${amount}\x02` }
  if (what === 'timer') return { properties: `TIMER_DELAY_SEC\x01${amount}\x02` }
  if (what === 'half') return { properties: 'TRAN_MSG\x01true\x02PGROUP\x01bench_producers\x02', sysFlag: PREPARED }
  return giveUp('send-load', `--kind ${kind}: there are plain, delay:LEVEL, timer:SECONDS and half`)
}

const { frame, opaqueAt, queueAt, serialsAt } = sendTemplate({
  topic: values.topic,
  brokerName: values.broker,
  bodyBytes: Number(values.size),
  queues,
  batch,
  ...ofKind(values.kind),
})

/** Buffers of whole frames to patch and send again; one is free again when the socket has taken it. */
const FRAMES_PER_BUFFER = Math.max(1, Math.min(64, Math.floor((1 << 18) / frame.length)))
const free: Buffer[] = []
function takeBuffer(): Buffer {
  const pooled = free.pop()
  if (pooled) return pooled
  const made = Buffer.allocUnsafeSlow(frame.length * FRAMES_PER_BUFFER)
  for (let i = 0; i < FRAMES_PER_BUFFER; i++) frame.copy(made, i * frame.length)
  return made
}

/** By the serial's low bits: more requests than these are never under way. */
const MASK = 0xffff
const sentAt = new Float64Array(MASK + 1)
const latencies = new Latencies()
/** Of requests. */
let sent = 0
let answered = 0
let failed = 0
let firstFailure = ''
let answersInChunk = 0
let measuring = false
let measuredFromMs = 0
let measuredFrom = { answered: 0, failed: 0 }
let stopping = false
/** A latency is taken for one of so many answers: looking for the opaque is the generator's dearest step. */
const SAMPLED = 4

function send(count: number): void {
  while (count > 0) {
    const frames = Math.min(count, FRAMES_PER_BUFFER, requests - sent)
    if (frames <= 0) return
    const buffer = takeBuffer()
    const now = performance.now()
    for (let i = 0; i < frames; i++) {
      const at = i * frame.length
      const serial = sent++
      writeDigits(buffer, at + opaqueAt, SERIAL_DIGITS, serial % SERIALS)
      for (let j = 0; j < batch; j++) {
        const [uniqAt, keysAt] = serialsAt[j]!
        writeDigits(buffer, at + uniqAt, SERIAL_DIGITS, (serial * batch + j) % SERIALS)
        writeDigits(buffer, at + keysAt, SERIAL_DIGITS, (serial * batch + j) % SERIALS)
      }
      buffer[at + queueAt] = 48 + (serial % queues)
      sentAt[serial & MASK] = now
    }
    socket.write(buffer.subarray(0, frames * frame.length), () => free.push(buffer))
    count -= frames
  }
}

const socket = connectLoad(values.address, {
  onAnswer(head, start, end) {
    answersInChunk++
    if (codeOf(head, start) !== 0) {
      failed++
      firstFailure ||= head.toString('latin1', start, Math.min(end, start + 400))
      requests++
      if (failed > mostRefusals) giveUp('send-load', `too many sends were refused: ${firstFailure}`)
    } else if (measuring && (answered + answersInChunk) % SAMPLED === 0)
      latencies.add(performance.now() - sentAt[serialOf(head, start) & MASK]!)
  },
  onChunkEnd() {
    answered += answersInChunk
    const freed = answersInChunk
    answersInChunk = 0
    if (answered >= requests) stopping = true
    if (!stopping) send(freed)
    else if (answered >= sent) finish()
  },
  onClose: why => giveUp('send-load', `${why} after ${answered} answers`),
})

function finish(): never {
  const seconds = (performance.now() - measuredFromMs) / 1000
  const succeeded = answered - failed - (measuredFrom.answered - measuredFrom.failed)
  return report({
    acknowledged: succeeded * batch,
    failed: failed - measuredFrom.failed,
    firstFailure: firstFailure || undefined,
    seconds,
    perSecond: (succeeded * batch) / seconds,
    ...latencies.summary(),
  })
}

function startMeasuring(): void {
  measuring = true
  measuredFromMs = performance.now()
  measuredFrom = { answered, failed }
  announceMeasuring()
  if (requests === Number.POSITIVE_INFINITY) setTimeout(() => (stopping = true), Number(values.seconds) * 1000)
}

socket.on('connect', () => {
  if (warmUpMs > 0) setTimeout(startMeasuring, warmUpMs)
  else startMeasuring()
  send(Number(values['in-flight']))
})
