import { Buffer } from 'node:buffer'
import { FRAME_PREFIX_BYTES, type Frame, frameBody, type SerializeType, writeFramePrefix } from './frame.ts'
import { binaryHeaderBytes, decodeBinaryHeader, writeBinaryHeader } from './header-binary.ts'
import { decodeJsonHeader, jsonHeaderText } from './header-json.ts'
import type { Language } from './language.ts'

/** Names and texts beside the fixed part of a header; a request's own header fields travel here. */
export type ExtFields = Readonly<Record<string, string>>

/** The header of a frame, whichever way it was written (RemotingCommand.java). */
export interface CommandHeader {
  /** A request code, or a response code when `flag` has RESPONSE_FLAG. */
  readonly code: number
  readonly language: Language
  /** An ordinal of MQVersion. */
  readonly version: number
  /** Pairs an answer with its request: 32 bits, chosen by who asks. */
  readonly opaque: number
  readonly flag: number
  readonly remark?: string
  readonly extFields: ExtFields
}

/** A whole command. Absent body and empty body are the same on the wire. */
export interface RemotingCommand extends CommandHeader {
  readonly body?: Uint8Array
}

export const RESPONSE_FLAG = 1
export const ONE_WAY_FLAG = 2

export function isResponse(header: { readonly flag: number }): boolean {
  return (header.flag & RESPONSE_FLAG) !== 0
}

export function isOneWay(header: { readonly flag: number }): boolean {
  return (header.flag & ONE_WAY_FLAG) !== 0
}

/** Reads a header in either form. Throws MalformedError. */
export function decodeHeader(frame: Frame): CommandHeader {
  return frame.serializeType === 'JSON'
    ? decodeJsonHeader(frame.buffer, frame.headerStart, frame.headerEnd)
    : decodeBinaryHeader(frame.buffer, frame.headerStart, frame.headerEnd)
}

/** Reads a whole command; the body is a view. Throws MalformedError. */
export function decodeCommand(frame: Frame): RemotingCommand {
  return { ...decodeHeader(frame), body: frameBody(frame) }
}

/**
 * The frame up to its body, of which `bodyLength` bytes are to follow. An answer is written with the responder's own
 * serialize type, whatever the request's was. Throws FieldError for what the form cannot carry.
 */
export function encodeHeader(header: CommandHeader, bodyLength: number, serializeType: SerializeType = 'JSON'): Buffer {
  if (serializeType === 'JSON') {
    const text = jsonHeaderText(header)
    const headerLength = Buffer.byteLength(text, 'utf8')
    const head = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + headerLength)
    writeFramePrefix(head, 0, 'JSON', headerLength, bodyLength)
    head.write(text, FRAME_PREFIX_BYTES, 'utf8')
    return head
  }
  const headerLength = binaryHeaderBytes(header)
  const head = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + headerLength)
  writeFramePrefix(head, 0, 'ROCKETMQ', headerLength, bodyLength)
  writeBinaryHeader(header, head, FRAME_PREFIX_BYTES)
  return head
}

/** A frame as the buffers to write one behind the other; the body's are not copied. */
export function encodeFrame(
  header: CommandHeader,
  body: readonly Uint8Array[] = [],
  serializeType: SerializeType = 'JSON',
): Uint8Array[] {
  let bodyLength = 0
  for (const piece of body) bodyLength += piece.length
  return [encodeHeader(header, bodyLength, serializeType), ...body]
}

/** A whole command in one buffer. */
export function encodeCommand(command: RemotingCommand, serializeType: SerializeType = 'JSON'): Buffer {
  return Buffer.concat(encodeFrame(command, command.body ? [command.body] : [], serializeType))
}
