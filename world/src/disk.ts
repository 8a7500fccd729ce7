/** What the kernel said, under its own names, plus `LOCKED`: somebody else holds the lock. */
export type DiskErrorCode =
  | 'ENOENT'
  | 'EEXIST'
  | 'ENOSPC'
  | 'EDQUOT'
  | 'EIO'
  | 'EACCES'
  | 'EROFS'
  | 'EMFILE'
  | 'ENOTDIR'
  | 'EISDIR'
  | 'ENOTEMPTY'
  | 'LOCKED'
  | 'UNKNOWN'

export class DiskError extends Error {
  override readonly name = 'DiskError'
  readonly code: DiskErrorCode
  readonly path: string

  constructor(code: DiskErrorCode, path: string, doing: string, options?: ErrorOptions) {
    super(`${doing} ${path}: ${code}`, options)
    this.code = code
    this.path = path
  }
}

export interface FileStat {
  readonly kind: 'file' | 'directory'
  readonly sizeBytes: number
  readonly modifiedMs: number
}

export interface DirectoryEntry {
  readonly name: string
  readonly kind: 'file' | 'directory'
}

export interface DiskSpace {
  readonly totalBytes: number
  /** What an unprivileged process may still use. */
  readonly freeBytes: number
}

export interface DiskLock {
  /** Lets go; harmless when called twice. The lock file itself stays. */
  release(): Promise<void>
}

/** How a file is opened. `create` makes it when absent, `createNew` fails with EEXIST when present. */
export type OpenMode = 'read' | 'readWrite' | 'create' | 'createNew'

/** Positioned I/O on one open file: nothing has a cursor, so reads and writes may overlap in time. All throw DiskError. */
export interface DiskFile {
  readonly path: string
  /** Fills `into` from `position`; returns the bytes read, fewer than asked only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>
  /**
   * Writes all buffers one behind the other from `position`, in one vectored call where the system has it.
   * Resolves only when every byte was taken; on an error any part of the range may have been written.
   * The buffers must stay unchanged until then.
   */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>
  /** What was written before is on stable storage when this resolves (fdatasync, size included). */
  sync(): Promise<void>
  /** Cuts the file, or grows it with a sparse hole of zeros. */
  truncate(sizeBytes: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** A file system. Paths are absolute. All methods throw DiskError. */
export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>
  readFile(path: string): Promise<Uint8Array>
  /** undefined when there is nothing at `path`. */
  stat(path: string): Promise<FileStat | undefined>
  /** Entries in name order; ENOENT when the directory is missing. */
  list(path: string): Promise<DirectoryEntry[]>
  /** Makes the directory and its parents; fine when it exists. */
  makeDirectory(path: string): Promise<void>
  /** Replaces `to` atomically. Durable only after syncDirectory of the parent. */
  rename(from: string, to: string): Promise<void>
  /** Removes a file; fine when it is already gone. */
  remove(path: string): Promise<void>
  /** Removes a directory and all below it; fine when it is already gone. */
  removeTree(path: string): Promise<void>
  /** Makes creations, renames and removals in this directory durable. */
  syncDirectory(path: string): Promise<void>
  space(path: string): Promise<DiskSpace>
  /**
   * Takes the exclusive lock of a file (made when absent): on Linux a POSIX record lock of byte 0, which is what Java's
   * FileChannel.tryLock takes, so that it also excludes a running Apache broker. The kernel frees it when the process
   * dies, however it dies. Throws DiskError `LOCKED` when it is held, also by this same process.
   */
  lock(path: string): Promise<DiskLock>
}
