import { connect, type Socket } from 'node:net'
import { readDigits } from './digits.ts'
import { SERIALS } from './frames.ts'

/** One answer. The buffer is only valid during the call. */
export interface AnswerSink {
  /** `head` from `start` to `end` is the JSON header; `bodyBytes` follow it on the wire. */
  onAnswer(head: Buffer, start: number, end: number, bodyBytes: number): void
  /** What arrived of the last answer's body; only called when given. */
  onBody?(chunk: Buffer, start: number, end: number): void
  /** Called when a chunk has been gone through: the moment to send what its answers allow. */
  onChunkEnd?(): void
  onClose(why: string): void
}

/** Longest JSON header that is understood when it is torn between two reads. */
const MAX_HEAD_BYTES = 64 * 1024
/** One read takes so much at most: few system calls for the generator, and no allocation. */
const READ_BYTES = 1024 * 1024

/** A connection that splits what comes into answers without keeping or copying bodies. */
export function connectLoad(address: string, sink: AnswerSink): Socket {
  const [host, port] = address.split(':')
  const torn = Buffer.allocUnsafeSlow(MAX_HEAD_BYTES)
  let tornBytes = 0
  let bodyLeft = 0

  /** The length of the head of the frame at `at`, of which `there` bytes are there; 8 as long as that is not known. */
  const headBytes = (from: Buffer, at: number, there: number) =>
    there < 8 ? 8 : 8 + (from.readInt32BE(at + 4) & 0xffffff)

  const deliver = (from: Buffer, at: number, bytes: number) => {
    bodyLeft = 4 + from.readInt32BE(at) - bytes
    sink.onAnswer(from, at + 8, at + bytes, bodyLeft)
  }

  const onData = (chunk: Buffer, length: number) => {
    let at = 0
    while (at < length) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, length - at)
        sink.onBody?.(chunk, at, at + taken)
        bodyLeft -= taken
        at += taken
        continue
      }
      if (tornBytes === 0) {
        const bytes = headBytes(chunk, at, length - at)
        if (length - at >= 8 && length - at >= bytes) {
          deliver(chunk, at, bytes)
          at += bytes
          continue
        }
      }
      const taken = Math.min(headBytes(torn, 0, tornBytes) - tornBytes, length - at)
      chunk.copy(torn, tornBytes, at, at + taken)
      tornBytes += taken
      at += taken
      if (tornBytes < 8 || tornBytes < headBytes(torn, 0, tornBytes)) continue
      const bytes = tornBytes
      tornBytes = 0
      deliver(torn, 0, bytes)
    }
    sink.onChunkEnd?.()
  }

  const socket = connect({
    host: host!,
    port: Number(port),
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback(bytes, buffer) {
        onData(buffer as Buffer, bytes)
        return true
      },
    },
  })
  socket.on('error', error => sink.onClose(error.message))
  socket.on('close', () => sink.onClose('the broker closed the connection'))
  return socket
}

const CODE = '{"code":'.length
const OPAQUE = Buffer.from('"opaque":')

/** Both brokers write the code first. */
export const codeOf = (head: Buffer, start: number) => readDigits(head, start + CODE)

export const serialOf = (head: Buffer, start: number) =>
  readDigits(head, head.indexOf(OPAQUE, start) + OPAQUE.length) % SERIALS

/** An extField that is a number; `name` is `"field":"` as bytes. */
export function fieldOf(head: Buffer, start: number, end: number, name: Buffer): number | undefined {
  const at = head.indexOf(name, start)
  return at < 0 || at >= end ? undefined : readDigits(head, at + name.length)
}
