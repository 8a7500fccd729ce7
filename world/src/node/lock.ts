import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import { resolve } from 'node:path'
import { DiskError, type DiskLock } from '../disk.ts'
import { diskError } from './disk-error.ts'

interface HeldLock {
  readonly path: string
  readonly fd: number
}

// A POSIX record lock belongs to the process, not to the descriptor: a second lock by ourselves would succeed, and closing
// ANY descriptor of the file, even one opened just to look, lets go of it. So what this process holds is kept here by
// device and inode, and is asked before the file is touched.
const held = new Map<string, HeldLock>()

/** `struct flock` and the constants of fcntl(2), per platform. 64-bit systems only: off_t has 8 bytes. */
interface FlockLayout {
  readonly setLock: number
  /** A write lock of byte 0. */
  readonly writeLock: Uint8Array
  readonly errnoHeld: readonly number[]
}

function flockLayout(platform: string): FlockLayout | undefined {
  const flock = Buffer.alloc(32)
  const errnoHeld = [os.constants.errno.EAGAIN, os.constants.errno.EACCES]
  switch (platform) {
    case 'linux':
    case 'android':
      // l_type i16, l_whence i16, (4 bytes of padding), l_start i64, l_len i64, l_pid i32. F_SETLK 6, F_WRLCK 1.
      flock.writeInt16LE(1, 0)
      flock.writeBigInt64LE(1n, 16)
      return { setLock: 6, writeLock: flock, errnoHeld }
    case 'darwin':
    case 'freebsd':
      // l_start i64, l_len i64, l_pid i32, l_type i16, l_whence i16. F_WRLCK 3; F_SETLK 8 (macOS), 12 (FreeBSD).
      flock.writeBigInt64LE(1n, 8)
      flock.writeInt16LE(3, 20)
      return { setLock: platform === 'darwin' ? 8 : 12, writeLock: flock, errnoHeld }
    default:
      return undefined
  }
}

/** Takes the record lock; undefined when it was taken, else the errno. */
type SetLock = (fd: number) => { readonly errno: number; readonly heldByOther: boolean } | undefined

let setLock: SetLock | undefined

function loadSetLock(): SetLock {
  const layout = flockLayout(process.platform)
  if (!layout || !['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch)) {
    throw new Error(
      `record locks are not known on ${process.platform} ${process.arch}; use Linux or macOS on x64 or arm64`,
    )
  }
  let koffi: typeof import('koffi')
  try {
    // Loaded at the first lock: a client never takes one and never pays for it.
    koffi = createRequire(import.meta.url)('koffi')
  } catch (cause) {
    throw new Error(
      `the native module koffi, needed for file locks, cannot load on ${process.platform} ${process.arch}`,
      { cause },
    )
  }
  const fcntl = koffi.load(null).func('int fcntl(int fd, int command, ...)')
  return fd => {
    if (fcntl(fd, layout.setLock, 'void *', layout.writeLock) === 0) return undefined
    const errno = koffi.errno()
    return { errno, heldByOther: layout.errnoHeld.includes(errno) }
  }
}

const inodeKey = (stats: fs.BigIntStats) => `${stats.dev}:${stats.ino}`

/**
 * Refuses to open a file whose lock this process holds: closing it again would let go of the lock without a word.
 * Throws DiskError `LOCKED`.
 */
export function assertNotLocked(path: string, doing: string): void {
  if (held.size === 0) return
  const wanted = resolve(path)
  for (const lock of held.values()) {
    if (lock.path === wanted) throw new DiskError('LOCKED', path, `${doing} (this process holds its lock)`)
  }
}

/** `Disk.lock` of the machine. Synchronous inside, so that two callers of one process cannot get between each other's steps. */
export async function lockFile(path: string): Promise<DiskLock> {
  try {
    for (;;) {
      const lock = tryLock(path)
      if (lock) return lock
    }
  } catch (error) {
    if (error instanceof DiskError) throw error
    throw diskError(error as NodeJS.ErrnoException, path, 'lock')
  }
}

/** undefined: the file was replaced between opening and locking; try again. */
function tryLock(path: string): DiskLock | undefined {
  const before = fs.statSync(path, { bigint: true, throwIfNoEntry: false })
  if (before && held.has(inodeKey(before))) throw new DiskError('LOCKED', path, 'lock (held by this same process)')
  if (before?.isDirectory()) throw new DiskError('EISDIR', path, 'lock')

  setLock ??= loadSetLock()
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644)
  try {
    const refused = setLock(fd)
    if (refused?.heldByOther) throw new DiskError('LOCKED', path, 'lock (held by another process)')
    if (refused) throw new DiskError('UNKNOWN', path, `lock (fcntl: errno ${refused.errno})`)

    const mine = fs.fstatSync(fd, { bigint: true })
    const named = fs.statSync(path, { bigint: true, throwIfNoEntry: false })
    if (!named || inodeKey(named) !== inodeKey(mine)) {
      fs.closeSync(fd)
      return undefined
    }
    // Apache writes this word too, once the lock is its own (BrokerController / DefaultMessageStore.java).
    if (mine.size === 0n) fs.writeSync(fd, 'lock', 0)
    const key = inodeKey(mine)
    held.set(key, { path: resolve(path), fd })
    return new NodeLock(key)
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

class NodeLock implements DiskLock {
  readonly #key: string

  #released = false

  constructor(key: string) {
    this.#key = key
  }

  async release(): Promise<void> {
    if (this.#released) return
    this.#released = true
    const { fd, path } = held.get(this.#key)!
    held.delete(this.#key)
    try {
      fs.closeSync(fd)
    } catch (error) {
      throw diskError(error as NodeJS.ErrnoException, path, 'unlock')
    }
  }
}
