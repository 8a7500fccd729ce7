import type { World } from '@rocketcluster/world'
import { forgetTimers } from '../messaging/timer/forget-timers.ts'
import { type Checkpoint, NOT_COUNTED, type Vouched } from './checkpoint.ts'
import type { LogFiles } from './log-files.ts'
import type { LogScanner } from './log-scanner.ts'

/**
 * Cuts the log at `physicalOffset`, when it goes on behind it: what lies there another master has taken back. Returns whether it did.
 * First the checkpoint vouches no more for anything behind that place, so that a start which finds the log half cut takes it for
 * what it is; then the files go, the last one first. What is derived from the log follows it in the recovery; a compaction log, which has older
 * messages too, when it is opened.
 *
 * `vouched` is what the checkpoint says, where it can be trusted. Throws DiskError, and Error when no record can end there.
 */
export async function truncateLog(
  parts: {
    readonly checkpoint: Checkpoint
    readonly vouched: Vouched | undefined
    readonly files: LogFiles
    readonly scanner: LogScanner
    readonly world: World
    readonly root: string
  },
  physicalOffset: number,
): Promise<boolean> {
  const { checkpoint, vouched, files, scanner, world, root } = parts
  if (!(Number.isSafeInteger(physicalOffset) && physicalOffset >= 0))
    throw new Error(`truncateTo is ${physicalOffset}; allowed are physical offsets from 0`)
  if (files.files.length === 0 || physicalOffset >= files.maxOffset) return false
  if (physicalOffset < files.minOffset)
    throw new Error(
      `the log cannot be cut at ${physicalOffset}: it begins at ${files.minOffset}; allowed is that or anything behind it`,
    )
  const before = await boundaryAt(parts, physicalOffset)
  const isCertain = (vouched?.syncedOffset ?? 0) > physicalOffset
  // The log ends before, or there.
  if (before === undefined || !(isCertain || (await scanner.endAt(physicalOffset)) !== undefined)) return false
  // They may point to what goes; the next master's start makes them anew from the messages.
  await forgetTimers(world.disk, root)
  if (physicalOffset === 0 && (await world.disk.stat(`${root}/compaction`)) !== undefined) {
    await world.disk.removeTree(`${root}/compaction`)
    await world.disk.syncDirectory(root)
  }
  if (vouched !== undefined && Math.max(vouched.vouchedOffset, vouched.syncedOffset) > physicalOffset) {
    const { physicMsgTimestamp, logicsMsgTimestamp, indexMsgTimestamp } = checkpoint.apache
    const isCut = vouched.vouchedOffset > physicalOffset
    // Only as old as what stays, as far as that is known.
    const most = isCut ? before.lastTimestamp : Number.POSITIVE_INFINITY
    const lowered = {
      physicMsgTimestamp: Math.min(physicMsgTimestamp, most),
      logicsMsgTimestamp: Math.min(logicsMsgTimestamp, most),
      indexMsgTimestamp: Math.min(indexMsgTimestamp, most),
      vouchedOffset: Math.min(vouched.vouchedOffset, physicalOffset),
      lastRecord: isCut ? before.lastRecord : vouched.lastRecord,
      syncedOffset: physicalOffset,
      indexedOffset: isCut ? -1 : vouched.indexedOffset,
      entryCount: isCut ? NOT_COUNTED : vouched.entryCount,
      confirmPhyOffset: Math.min(checkpoint.confirmPhyOffset, physicalOffset),
    }
    // In both its places: what the older one says must not be believed either, should the newer one be damaged.
    await checkpoint.write(lowered)
    await checkpoint.write(lowered)
  }
  world.log.warn(
    { physicalOffset, end: files.maxOffset },
    'the log is cut: what lies behind was taken back by another master',
  )
  await files.clearFrom(physicalOffset)
  return true
}

/**
 * The last record before `physicalOffset`, which has to end there, with only a blank between them at most; undefined when the log
 * ends before. Throws Error when it is no boundary.
 */
async function boundaryAt(
  {
    checkpoint,
    vouched,
    files,
    scanner,
  }: {
    readonly checkpoint: Checkpoint
    readonly vouched: Vouched | undefined
    readonly files: LogFiles
    readonly scanner: LogScanner
  },
  physicalOffset: number,
): Promise<{ lastRecord: number; lastTimestamp: number } | undefined> {
  const start = files.startOf(physicalOffset)
  const isVouched = vouched !== undefined && vouched.vouchedOffset <= physicalOffset
  // Each file begins with a record; the one before it may be what the caller asks for.
  const first = start === physicalOffset ? Math.max(files.minOffset, start - files.fileSizeBytes) : start
  const from = isVouched ? Math.max(first, vouched.vouchedOffset) : first
  const found = await scanner.scan(from, {
    to: physicalOffset,
    durableTo: Math.min(physicalOffset, vouched?.syncedOffset ?? 0),
    mayBeTorn: !checkpoint.wasClean,
    visit() {},
    async pause() {},
    damaged() {},
  })
  if (found.end === physicalOffset) return found
  const across = found.end > physicalOffset ? found.end : ((await scanner.endAt(found.end)) ?? 0)
  if (across <= physicalOffset) return undefined
  throw new Error(
    `the log cannot be cut at ${physicalOffset}: no record ends there, one that lies across ends at ${across}; allowed are the ends of records`,
  )
}
