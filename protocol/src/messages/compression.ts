import { constants, deflateSync, inflateSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { MalformedError } from '../errors.ts'
import { compressLz4Frame, decompressLz4Frame } from './lz4.ts'
import type { CompressionType } from './sys-flag.ts'

/** The level clients use unless told otherwise (MixAll MESSAGE_COMPRESS_LEVEL). */
export const DEFAULT_COMPRESSION_LEVEL = 5
/** The bodies that clients compress are longer than this (DefaultMQProducer.java#compressMsgBodyOverHowmuch). */
export const COMPRESS_OVER_BYTES = 4096
/** Largest body we make of a compressed one unless told otherwise: 16 times Apache's maxMessageSize of 4 MiB. */
export const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024

/** Compresses a body as RocketMQ's clients do: a zlib stream, an LZ4 frame, a Zstandard frame. LZ4 has no levels. */
export function compress(type: CompressionType, body: Uint8Array, level = DEFAULT_COMPRESSION_LEVEL): Buffer {
  switch (type) {
    case 'ZLIB':
      return deflateSync(body, { level })
    case 'ZSTD':
      return zstdCompressSync(body, { params: { [constants.ZSTD_c_compressionLevel]: level } })
    case 'LZ4':
      return compressLz4Frame(body)
  }
}

/**
 * Undoes `compress`. Never makes more than `maxBytes`, however small the input: what would be longer is refused.
 * Throws MalformedError when the bytes are not what `type` says.
 */
export function decompress(type: CompressionType, body: Uint8Array, maxBytes = DEFAULT_MAX_BODY_BYTES): Buffer {
  try {
    switch (type) {
      case 'ZLIB':
        return inflateSync(body, { maxOutputLength: Math.max(1, maxBytes) })
      case 'ZSTD':
        return zstdDecompressSync(body, { maxOutputLength: Math.max(1, maxBytes) })
      case 'LZ4':
        return decompressLz4Frame(body, maxBytes)
    }
  } catch (cause) {
    if (cause instanceof MalformedError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'ERR_BUFFER_TOO_LARGE' ? `it is longer than the ${maxBytes} bytes allowed` : message
    throw new MalformedError(`a ${type} body of ${body.length} bytes cannot be decompressed: ${why}`, { cause })
  }
}
