import { DiskError, type DiskErrorCode } from '../disk.ts'

const KNOWN_CODES: ReadonlySet<string> = new Set<DiskErrorCode>([
  'ENOENT',
  'EEXIST',
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EACCES',
  'EROFS',
  'EMFILE',
  'ENOTDIR',
  'EISDIR',
  'ENOTEMPTY',
])

/** Kernel codes which mean the same to a caller as one of ours. */
const SAME_AS: Record<string, DiskErrorCode> = { EPERM: 'EACCES', ENFILE: 'EMFILE', EFBIG: 'ENOSPC' }

/** The port's error for what Node threw or passed to a callback; the original is its `cause`. */
export function diskError(error: NodeJS.ErrnoException, path: string, doing: string): DiskError {
  const code = error.code ?? ''
  const known = KNOWN_CODES.has(code) ? (code as DiskErrorCode) : (SAME_AS[code] ?? 'UNKNOWN')
  return new DiskError(known, path, doing, { cause: error })
}
