/**
 * The lean, pipelined load generator: one connection, a fixed number of sends under way, frames made by patching a few
 * digits of a template, so that almost all of the machine is the broker's. Runs as its own process and prints one JSON
 * line. It speaks what the Java client speaks (SEND_MESSAGE_V2, JSON header), so that it is fair to both brokers.
 *
 *   node bench/src/send-load.ts --address 127.0.0.1:10911 --topic T --size 1024 --in-flight 512 --seconds 10
 */
import { connect } from 'node:net'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    address: { type: 'string' },
    topic: { type: 'string' },
    broker: { type: 'string', default: 'broker-a' },
    size: { type: 'string', default: '1024' },
    'in-flight': { type: 'string', default: '512' },
    queues: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '10' },
    /** Stops after so many messages instead of after a time. */
    count: { type: 'string', default: '0' },
    'warm-up-seconds': { type: 'string', default: '0' },
  },
})
const number = (name: keyof typeof values) => Number(values[name])
const inFlight = number('in-flight')
const queues = number('queues')
const size = number('size')
const count = number('count') || Number.POSITIVE_INFINITY

/** Fixed-width digits, so that a frame's length never changes: ten for the opaque, eight for the unique key's end. */
const OPAQUE_BASE = 1_000_000_000
const UNIQ_PREFIX = '7F0000010001' + '18B4AAC2' + '0000'

function template(): { frame: Buffer; opaqueAt: number; uniqAt: number; queueAt: number; bornAt: number } {
  const fields = {
    a: 'bench_producers',
    b: values.topic!,
    c: 'TBW102',
    d: String(queues),
    e: '0',
    f: '0',
    g: String(Date.now()),
    h: '0',
    i: `KEYS\x01order-00000000\x02UNIQ_KEY\x01${UNIQ_PREFIX}00000000\x02WAIT\x01true\x02TAGS\x01TagA\x02`,
    j: '0',
    k: 'false',
    m: 'false',
    n: values.broker!,
  }
  const header = JSON.stringify({
    code: 310,
    extFields: fields,
    flag: 0,
    language: 'JAVA',
    opaque: OPAQUE_BASE,
    serializeTypeCurrentRPC: 'JSON',
    version: 513,
  })
  const headerLength = Buffer.byteLength(header)
  const frame = Buffer.alloc(8 + headerLength + size, 'x')
  frame.writeInt32BE(4 + headerLength + size, 0)
  frame.writeInt32BE(headerLength, 4)
  frame.write(header, 8)
  const at = (text: string) => 8 + header.indexOf(text) + text.length
  return {
    frame,
    opaqueAt: at('"opaque":'),
    uniqAt: at(UNIQ_PREFIX),
    queueAt: at('"e":"'),
    bornAt: at('"g":"'),
  }
}

const { frame, opaqueAt, uniqAt, queueAt } = template()

function digits(into: Buffer, at: number, width: number, value: number): void {
  for (let i = at + width - 1; i >= at; i--) {
    into[i] = 48 + (value % 10)
    value = Math.floor(value / 10)
  }
}

/** Buffers of whole frames to patch and send again; one is free again when the socket has taken it. */
const FRAMES_PER_BUFFER = 64
const free: Buffer[] = []
function takeBuffer(): Buffer {
  const pooled = free.pop()
  if (pooled) return pooled
  const made = Buffer.allocUnsafeSlow(frame.length * FRAMES_PER_BUFFER)
  for (let i = 0; i < FRAMES_PER_BUFFER; i++) frame.copy(made, i * frame.length)
  return made
}

const sentAt = new Float64Array(65_536)
const latencies = new Uint32Array(60_000_000 / 100)
let sampled = 0
let sent = 0
let acknowledged = 0
let failed = 0
let firstFailure = ''
let measuring = values['warm-up-seconds'] === '0'
let measuredFrom = performance.now()
let acknowledgedBefore = 0
let stopping = false

const [host, port] = values.address!.split(':')
const socket = connect({ host: host!, port: Number(port), noDelay: true })

function send(messages: number): void {
  while (messages > 0) {
    const batch = Math.min(messages, FRAMES_PER_BUFFER, count - sent)
    if (batch <= 0) return
    const buffer = takeBuffer()
    const now = performance.now()
    for (let i = 0; i < batch; i++) {
      const at = i * frame.length
      const serial = sent++
      digits(buffer, at + opaqueAt + 2, 8, serial % 100_000_000)
      digits(buffer, at + uniqAt, 8, serial % 100_000_000)
      buffer[at + queueAt] = 48 + (serial % queues)
      sentAt[serial & 0xffff] = now
    }
    socket.write(buffer.subarray(0, batch * frame.length), () => free.push(buffer))
    messages -= batch
  }
}

const SUCCESS = Buffer.from('"code":0,')
const OPAQUE = Buffer.from('"opaque":')
let rest: Buffer | undefined

socket.on('data', (chunk: Buffer) => {
  const data = rest ? Buffer.concat([rest, chunk]) : chunk
  rest = undefined
  let at = 0
  let answers = 0
  while (data.length - at >= 4) {
    const end = at + 4 + data.readInt32BE(at)
    if (end > data.length) break
    answers++
    // The first field of a JSON header is the code; a look at the rest is only worth it for a sample.
    if (data.compare(SUCCESS, 0, SUCCESS.length, at + 9, at + 9 + SUCCESS.length) !== 0) {
      failed++
      firstFailure ||= data.toString('latin1', at + 8, Math.min(end, at + 400))
    }
    if (measuring && (acknowledged + answers) % 8 === 0 && sampled < latencies.length) {
      const opaque = data.indexOf(OPAQUE, at)
      const serial = Number(data.toString('latin1', opaque + OPAQUE.length + 2, opaque + OPAQUE.length + 10))
      latencies[sampled++] = Math.round((performance.now() - sentAt[serial & 0xffff]!) * 1000)
    }
    at = end
  }
  if (at < data.length) rest = at === 0 ? data : Buffer.from(data.subarray(at))
  acknowledged += answers
  if (acknowledged >= count) stopping = true
  if (!stopping) send(answers)
  else if (acknowledged >= sent) finish()
})
socket.on('error', error => fail(error.message))
socket.on('close', () => fail('the broker closed the connection'))

function fail(why: string): void {
  if (finished) return
  process.stderr.write(`send-load: ${why} after ${acknowledged} acknowledgements\n`)
  process.exit(1)
}

let finished = false
function finish(): void {
  if (finished) return
  finished = true
  const seconds = (performance.now() - measuredFrom) / 1000
  const measured = acknowledged - acknowledgedBefore
  const sorted = latencies.subarray(0, sampled).sort()
  const percentile = (p: number) => (sorted[Math.min(sampled - 1, Math.floor(sampled * p))] ?? 0) / 1000
  const cpu = process.cpuUsage()
  process.stdout.write(
    `${JSON.stringify({
      acknowledged: measured,
      failed,
      firstFailure: firstFailure || undefined,
      seconds,
      perSecond: measured / seconds,
      p50Ms: percentile(0.5),
      p99Ms: percentile(0.99),
      p999Ms: percentile(0.999),
      generatorCpuSeconds: (cpu.user + cpu.system) / 1e6,
    })}\n`,
  )
  socket.destroy()
  process.exit(0)
}

socket.on('connect', () => {
  measuredFrom = performance.now()
  send(inFlight)
  const warmUpMs = number('warm-up-seconds') * 1000
  setTimeout(() => {
    measuring = true
    measuredFrom = performance.now()
    acknowledgedBefore = acknowledged
    process.stderr.write('measuring\n')
    if (count === Number.POSITIVE_INFINITY) setTimeout(() => (stopping = true), number('seconds') * 1000)
  }, warmUpMs)
})
