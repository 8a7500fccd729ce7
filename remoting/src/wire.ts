import {
  type CommandHeader,
  compileHeader,
  encodeHeader,
  FieldError,
  type Fields,
  type Frame,
  frameBody,
  type Language,
  ONE_WAY_FLAG,
  RESPONSE_FLAG,
  type Requests,
  ResponseError,
  responseCodeName,
  type SerializeType,
} from '@rocketcluster/protocol'
import type { Outbox } from './outbox.ts'
import type { AnswerHead, RemotingHooks } from './peer.ts'

/** Who writes, as its headers tell it, and how. */
export interface Writer {
  readonly language: Language
  readonly version: number
  readonly serializeType: SerializeType
  readonly hooks: RemotingHooks | undefined
}

export interface RequestToWrite {
  readonly declaration: Requests[string]
  readonly header: object
  readonly body: unknown
  readonly ext: Readonly<Record<string, string>> | undefined
  readonly opaque: number
  readonly oneWay: boolean
}

const NO_EXT: Readonly<Record<string, string>> = Object.freeze({})
const MAX_BINARY_CODE = 32_767
const NO_BODY: readonly Uint8Array[] = []

/** What an absent body decodes to is the codec's affair: some requests may come without. */
export function decodeBody(declaration: Requests[string], frame: Frame): unknown {
  return declaration.body?.decode(frameBody(frame) ?? frame.buffer.subarray(0, 0))
}

/** The reply to a call, or the ResponseError that it stands for. Throws FieldError when the reply is not what was declared. */
export function decodeReply(declaration: Requests[string], header: CommandHeader, frame: Frame): unknown {
  const status = responseCodeName(header.code)
  if (status !== 'SUCCESS' && (status === undefined || !declaration.answers?.includes(status)))
    return new ResponseError(status ?? 'SYSTEM_ERROR', header.remark ?? `response code ${header.code}`, {
      code: header.code,
    })
  const reply: Record<string, unknown> =
    status === 'SUCCESS'
      ? compileHeader(declaration.reply).decode(header.extFields)
      : whatIsThere(declaration.reply, header)
  reply['status'] = status
  reply['remark'] = header.remark
  reply['ext'] = header.extFields
  const body = frameBody(frame)
  reply['body'] = body && declaration.replyBody ? declaration.replyBody.decode(body) : undefined
  return reply
}

/** A special answer need not carry the fields of the ordinary one (QUERY_NOT_FOUND has no offset). */
function whatIsThere(fields: Fields, { extFields }: CommandHeader): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(fields)) {
    const text = extFields[field.wireName ?? key]
    values[key] = text === undefined ? undefined : field.decode(text, key)
  }
  return values
}

/** The extFields of an answer; one that is not SUCCESS carries only what was given. */
export function encodeReplyFields(
  fields: Fields,
  answer: Readonly<Record<string, unknown>>,
  complete: boolean,
): Record<string, string> {
  if (complete) return compileHeader(fields).encode(answer)
  const ext: Record<string, string> = {}
  for (const [key, field] of Object.entries(fields)) {
    const text = answer[key] === undefined ? undefined : field.encode(answer[key], key)
    if (text !== undefined) ext[field.wireName ?? key] = text
  }
  return ext
}

export function writeRequest(outbox: Outbox, writer: Writer, address: string, request: RequestToWrite): void {
  const { declaration, opaque, oneWay } = request
  const ext = compileHeader(declaration.header).encode(request.header)
  if (request.ext) Object.assign(ext, request.ext)
  const body = encodeBody(declaration, request.body)
  writer.hooks?.onOutgoing?.({ address, code: declaration.code, ext, body })
  const { language, version } = writer
  const header = { code: declaration.code, language, version, opaque, flag: oneWay ? ONE_WAY_FLAG : 0, extFields: ext }
  // The binary form has 16 bits for the code, which the POP family exceeds.
  const serializeType = declaration.code > MAX_BINARY_CODE ? 'JSON' : writer.serializeType
  outbox.add(encodeHeader(header, body?.length ?? 0, serializeType))
  if (body) outbox.add(body)
}

function encodeBody(declaration: Requests[string], body: unknown): Uint8Array | undefined {
  if (body === undefined) return undefined
  if (body instanceof Uint8Array) return body
  if (!declaration.body) throw new FieldError('body', `is not part of request ${declaration.code}`)
  return declaration.body.encode(body)
}

export function writeAnswer(
  outbox: Outbox,
  writer: Writer,
  { code, opaque, remark, ext }: AnswerHead,
  body: readonly Uint8Array[] = NO_BODY,
): void {
  const { language, version, serializeType } = writer
  let length = 0
  for (let i = 0; i < body.length; i++) length += body[i]!.length
  const header = { code, language, version, opaque, flag: RESPONSE_FLAG, remark, extFields: ext ?? NO_EXT }
  outbox.add(encodeHeader(header, length, serializeType))
  for (let i = 0; i < body.length; i++) outbox.add(body[i]!)
}
