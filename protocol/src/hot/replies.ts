import type { Buffer } from 'node:buffer'
import { encodeHeader, RESPONSE_FLAG } from '../command.ts'
import { FRAME_PREFIX_BYTES, type SerializeType, writeFramePrefix } from '../frame.ts'
import { compileHeader } from '../header-codec.ts'
import type { Language } from '../language.ts'
import { pullReply } from '../requests/common/pull-fields.ts'
import { sendReply } from '../requests/common/send-fields.ts'
import { constant, MAX_NUMBER_BYTES, writeConstant, writeHex64, writeNumber, writePlain } from './ascii.ts'

/** Who answers, as its headers tell it, and how they are written. */
export interface Responder {
  readonly language: Language
  readonly version: number
  readonly serializeType: SerializeType
}

/** Each character of a text may need six bytes (`\u0001`), and each in extFields a length in front. */
const BYTES_PER_CHARACTER = 6

const CODE = constant('{"code":')
const REMARK = constant(',"remark":"')
const QUOTE = constant('"')

function tail({ version }: Responder): Uint8Array {
  return constant(`,"serializeTypeCurrentRPC":"JSON","version":${version}}`)
}

function flagAndLanguage({ language }: Responder): string {
  return `},"flag":${RESPONSE_FLAG},"language":"${language}","opaque":`
}

export interface SendReplyOptions extends Responder {
  /** The first half of each offsetMsgId: the broker's address and port in upper-case hexadecimal. */
  readonly hostHex: string
  readonly regionId: string
  readonly traceOn: boolean
}

/** Writes whole answer frames to SEND_MESSAGE and its kin, which have no body. */
export class SendReplyWriter {
  readonly #options: SendReplyOptions
  readonly #extras: Record<string, string>
  readonly #fixedBytes: number
  readonly #afterCode: Uint8Array
  readonly #queueOffset = constant('","queueOffset":"')
  readonly #msgId = constant('","msgId":"')
  readonly #host: Uint8Array
  readonly #transactionId = constant('","transactionId":"')
  readonly #recallHandle = constant('","recallHandle":"')
  readonly #end: Uint8Array
  readonly #tail: Uint8Array

  constructor(options: SendReplyOptions) {
    this.#options = options
    const extras = { MSG_REGION: options.regionId, TRACE_ON: String(options.traceOn) }
    this.#extras = extras
    this.#afterCode = constant(`,"extFields":${JSON.stringify(extras).slice(0, -1)},"queueId":"`)
    this.#host = constant(options.hostHex)
    this.#end = constant(`"${flagAndLanguage(options)}`)
    this.#tail = tail(options)
    const pieces = [
      CODE,
      this.#afterCode,
      this.#queueOffset,
      this.#msgId,
      this.#host,
      this.#transactionId,
      this.#recallHandle,
      this.#end,
      this.#tail,
    ]
    this.#fixedBytes =
      FRAME_PREFIX_BYTES + 4 * MAX_NUMBER_BYTES + 16 + 64 + pieces.reduce((sum, piece) => sum + piece.length, 0)
  }

  /** Room that `write` needs at most. */
  maxBytes(msgId: string | number, transactionId: string | undefined, recallHandle?: string): number {
    const characters =
      (typeof msgId === 'string' ? msgId.length : 0) + (transactionId?.length ?? 0) + (recallHandle?.length ?? 0)
    return this.#fixedBytes + BYTES_PER_CHARACTER * characters
  }

  /**
   * Writes the frame to `at` and returns where it ends. `msgId` is the text, or the physical offset of a message stored at
   * the options' host. `code` is that of the response.
   */
  write(
    into: Buffer,
    at: number,
    opaque: number,
    code: number,
    msgId: string | number,
    queueId: number,
    queueOffset: number,
    transactionId: string | undefined,
    recallHandle?: string,
  ): number {
    if (this.#options.serializeType === 'JSON') {
      const end = this.#json(
        into,
        at + FRAME_PREFIX_BYTES,
        opaque,
        code,
        msgId,
        queueId,
        queueOffset,
        transactionId,
        recallHandle,
      )
      if (end >= 0) {
        writeFramePrefix(into, at, 'JSON', end - at - FRAME_PREFIX_BYTES, 0)
        return end
      }
    }
    const { language, version, hostHex, serializeType } = this.#options
    const id = typeof msgId === 'string' ? msgId : hostHex + msgId.toString(16).toUpperCase().padStart(16, '0')
    const extFields = compileHeader(sendReply).encode(
      { msgId: id, queueId, queueOffset, transactionId, recallHandle },
      { ...this.#extras },
    )
    const header = { code, language, version, opaque, flag: RESPONSE_FLAG, extFields }
    const head = encodeHeader(header, 0, serializeType)
    into.set(head, at)
    return at + head.length
  }

  /** Returns -1 when a text needs escapes. */
  #json(
    into: Buffer,
    at: number,
    opaque: number,
    code: number,
    msgId: string | number,
    queueId: number,
    queueOffset: number,
    transactionId: string | undefined,
    recallHandle: string | undefined,
  ): number {
    at = writeConstant(CODE, into, at)
    at = writeNumber(code, into, at)
    at = writeConstant(this.#afterCode, into, at)
    at = writeNumber(queueId, into, at)
    at = writeConstant(this.#queueOffset, into, at)
    at = writeNumber(queueOffset, into, at)
    at = writeConstant(this.#msgId, into, at)
    if (typeof msgId === 'number') {
      at = writeConstant(this.#host, into, at)
      at = writeHex64(msgId, into, at)
    } else {
      at = writePlain(msgId, into, at)
      if (at < 0) return -1
    }
    if (transactionId !== undefined) {
      at = writeConstant(this.#transactionId, into, at)
      at = writePlain(transactionId, into, at)
      if (at < 0) return -1
    }
    if (recallHandle !== undefined) {
      at = writeConstant(this.#recallHandle, into, at)
      at = writePlain(recallHandle, into, at)
      if (at < 0) return -1
    }
    at = writeConstant(this.#end, into, at)
    at = writeNumber(opaque, into, at)
    return writeConstant(this.#tail, into, at)
  }
}

/** What a pull answers besides its body. */
export interface PullReplyHead {
  readonly opaque: number
  readonly code: number
  /** A name of GetMessageStatus. */
  readonly remark: string
  readonly suggestWhichBrokerId: number
  readonly nextBeginOffset: number
  readonly minOffset: number
  readonly maxOffset: number
  readonly offsetDelta?: number
  readonly topicSysFlag?: number
  readonly groupSysFlag?: number
  readonly forbiddenType?: number
}

const PULL_FIELDS = [
  constant('","nextBeginOffset":"'),
  constant('","minOffset":"'),
  constant('","maxOffset":"'),
] as const
const OFFSET_DELTA = constant('","offsetDelta":"')
const TOPIC_SYS_FLAG = constant('","topicSysFlag":"')
const GROUP_SYS_FLAG = constant('","groupSysFlag":"')
const FORBIDDEN_TYPE = constant('","forbiddenType":"')

/** Writes answer frames to PULL_MESSAGE and LITE_PULL_MESSAGE up to their body. */
export class PullReplyWriter {
  readonly #responder: Responder
  readonly #fixedBytes: number
  readonly #afterCode = constant(',"extFields":{"suggestWhichBrokerId":"')
  readonly #end: Uint8Array
  readonly #tail: Uint8Array

  constructor(responder: Responder) {
    this.#responder = responder
    this.#end = constant(`"${flagAndLanguage(responder)}`)
    this.#tail = tail(responder)
    const pieces = [CODE, this.#afterCode, ...PULL_FIELDS, OFFSET_DELTA, TOPIC_SYS_FLAG, GROUP_SYS_FLAG, FORBIDDEN_TYPE]
    this.#fixedBytes =
      FRAME_PREFIX_BYTES +
      10 * MAX_NUMBER_BYTES +
      [...pieces, REMARK, QUOTE, this.#end, this.#tail].reduce((sum, piece) => sum + piece.length, 0)
  }

  /** Room that `write` needs at most. */
  maxBytes(head: PullReplyHead): number {
    return this.#fixedBytes + BYTES_PER_CHARACTER * head.remark.length
  }

  /** Writes the frame up to its body of `bodyLength` bytes to `at` and returns where it ends. */
  write(into: Buffer, at: number, head: PullReplyHead, bodyLength: number): number {
    if (this.#responder.serializeType === 'JSON') {
      const end = this.#json(into, at + FRAME_PREFIX_BYTES, head)
      if (end >= 0) {
        writeFramePrefix(into, at, 'JSON', end - at - FRAME_PREFIX_BYTES, bodyLength)
        return end
      }
    }
    const { language, version, serializeType } = this.#responder
    const { code, opaque, remark } = head
    const extFields = compileHeader(pullReply).encode(head)
    const header = { code, language, version, opaque, flag: RESPONSE_FLAG, remark, extFields }
    const bytes = encodeHeader(header, bodyLength, serializeType)
    into.set(bytes, at)
    return at + bytes.length
  }

  /** Returns -1 when the remark needs escapes. */
  #json(into: Buffer, at: number, head: PullReplyHead): number {
    at = writeConstant(CODE, into, at)
    at = writeNumber(head.code, into, at)
    at = writeConstant(this.#afterCode, into, at)
    at = writeNumber(head.suggestWhichBrokerId, into, at)
    at = writeField(PULL_FIELDS[0], head.nextBeginOffset, into, at)
    at = writeField(PULL_FIELDS[1], head.minOffset, into, at)
    at = writeField(PULL_FIELDS[2], head.maxOffset, into, at)
    if (head.offsetDelta !== undefined) at = writeField(OFFSET_DELTA, head.offsetDelta, into, at)
    if (head.topicSysFlag !== undefined) at = writeField(TOPIC_SYS_FLAG, head.topicSysFlag, into, at)
    if (head.groupSysFlag !== undefined) at = writeField(GROUP_SYS_FLAG, head.groupSysFlag, into, at)
    if (head.forbiddenType !== undefined) at = writeField(FORBIDDEN_TYPE, head.forbiddenType, into, at)
    at = writeConstant(this.#end, into, at)
    at = writeNumber(head.opaque, into, at)
    at = writeConstant(REMARK, into, at)
    at = writePlain(head.remark, into, at)
    if (at < 0) return -1
    at = writeConstant(QUOTE, into, at)
    return writeConstant(this.#tail, into, at)
  }
}

function writeField(name: Uint8Array, value: number, into: Uint8Array, at: number): number {
  return writeNumber(value, into, writeConstant(name, into, at))
}
