/** Bits of a message's sysFlag (MessageSysFlag.java). */
export const sysFlag = {
  COMPRESSED: 0x1,
  MULTI_TAGS: 0x2,
  TRANSACTION_NOT_TYPE: 0,
  TRANSACTION_PREPARED_TYPE: 0x4,
  TRANSACTION_COMMIT_TYPE: 0x8,
  TRANSACTION_ROLLBACK_TYPE: 0xc,
  BORNHOST_V6: 0x10,
  STOREHOST_V6: 0x20,
  NEED_UNWRAP: 0x40,
  INNER_BATCH: 0x80,
  COMPRESSION_LZ4: 0x100,
  COMPRESSION_ZSTD: 0x200,
  COMPRESSION_ZLIB: 0x300,
} as const

const TRANSACTION_MASK = 0xc
const COMPRESSION_MASK = 0x700

export type TransactionType = 'NONE' | 'PREPARED' | 'COMMIT' | 'ROLLBACK'
export type CompressionType = 'ZLIB' | 'LZ4' | 'ZSTD'

const TRANSACTION_TYPES: readonly TransactionType[] = ['NONE', 'PREPARED', 'COMMIT', 'ROLLBACK']

export function transactionType(flag: number): TransactionType {
  return TRANSACTION_TYPES[(flag & TRANSACTION_MASK) >> 2]!
}

export function withTransactionType(flag: number, type: TransactionType): number {
  return (flag & ~TRANSACTION_MASK) | (TRANSACTION_TYPES.indexOf(type) << 2)
}

/** Prepared and rolled-back records lie in the log but never in a consume queue, and carry queueOffset 0. */
export function isQueued(flag: number): boolean {
  const type = flag & TRANSACTION_MASK
  return type === sysFlag.TRANSACTION_NOT_TYPE || type === sysFlag.TRANSACTION_COMMIT_TYPE
}

/**
 * How a compressed body was compressed. Clients older than 5.0 set COMPRESSED and no type: that is ZLIB.
 * undefined for the type numbers nobody has defined.
 */
export function compressionType(flag: number): CompressionType | undefined {
  switch (flag & COMPRESSION_MASK) {
    case 0:
    case sysFlag.COMPRESSION_ZLIB:
      return 'ZLIB'
    case sysFlag.COMPRESSION_LZ4:
      return 'LZ4'
    case sysFlag.COMPRESSION_ZSTD:
      return 'ZSTD'
    default:
      return undefined
  }
}

/** `flag` saying that the body is compressed, and how. */
export function withCompression(flag: number, type: CompressionType): number {
  const bits = { ZLIB: sysFlag.COMPRESSION_ZLIB, LZ4: sysFlag.COMPRESSION_LZ4, ZSTD: sysFlag.COMPRESSION_ZSTD }[type]
  return (flag & ~COMPRESSION_MASK) | bits | sysFlag.COMPRESSED
}

export function withoutCompression(flag: number): number {
  return flag & ~(COMPRESSION_MASK | sysFlag.COMPRESSED)
}
