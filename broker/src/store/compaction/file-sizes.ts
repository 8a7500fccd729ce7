import { BLANK_SIZE } from '@rocketcluster/protocol/internal'
import { SPARSE_UNIT_SIZE } from './sparse-unit.ts'

/** Bytes of each file of a compaction log, and of the queue file of the same name. */
export interface FileSizes {
  readonly logBytes: number
  readonly cqBytes: number
}

/**
 * What compactionMappedFileSize and compactionCqMappedFileSize come to (CompactionLog.java#getCompactionLogSize): queue files
 * hold whole entries, and log files are a multiple of queue files, at least five times as long.
 */
export function compactionFileSizes(config: {
  readonly compactionMappedFileSize: number
  readonly compactionCqMappedFileSize: number
}): FileSizes {
  const cqBytes = Math.floor(config.compactionCqMappedFileSize / SPARSE_UNIT_SIZE) * SPARSE_UNIT_SIZE
  const times = Math.floor(config.compactionMappedFileSize / cqBytes)
  if (times < 5) return { cqBytes, logBytes: 5 * cqBytes }
  const rest = config.compactionMappedFileSize % cqBytes
  return { cqBytes, logBytes: (rest > 0 && rest < Math.floor(cqBytes / 2) ? times : times + 1) * cqBytes }
}

/** The largest record that a compaction log can hold. */
export const largestRecord = ({ logBytes }: FileSizes): number => logBytes - BLANK_SIZE
