import { getInt, MESSAGE_MAGIC_V1, MESSAGE_MAGIC_V2 } from '@rocketcluster/protocol/internal'
import type { World } from '@rocketcluster/world'
import { CompactionLog, type CompactionParts } from './compaction-log.ts'
import { readRecords } from './read-records.ts'
import { abandonCompacting, applyReplacement, COMPACTING, compactingIn, readMark } from './replacement.ts'
import { rebuildUnits } from './segment-scan.ts'
import { type Directories, Segment } from './segments.ts'
import { getSparseUnit, isSparseUnit, SPARSE_UNIT_SIZE } from './sparse-unit.ts'

const FILE_NAME = /^\d{20}$/
const READ_UNITS = 4096

/**
 * Finds what there is of one queue's compaction log. What a crash left half done is finished or undone: ours by its mark;
 * a compaction of Apache's, which has none, by what it renames and moves in which order (CompactionLog.java#replaceFiles).
 * Rejects with DiskError, and with an Error that names the file when one has another length than is configured.
 */
export async function loadLog(
  parts: CompactionParts,
  topic: string,
  queueId: number,
  directories: Directories,
): Promise<CompactionLog> {
  const { disk, files, world, positions } = parts
  const mark = await readMark(disk, directories)
  if (mark !== undefined) {
    await applyReplacement(disk, files, directories, mark, async () => {
      positions.set(topic, queueId, Math.max(mark.position, positions.get(topic, queueId)))
      await positions.save()
    })
    world.log.info({ topic, queueId, ...mark }, 'a compaction that was cut short when it was all but done is finished')
  } else await undoApaches(parts, directories)
  // MessageFetcher of an Apache slave; what it had not merged yet is nobody's.
  for (const directory of [directories.log, directories.cq]) await disk.removeTree(`${directory}/replicating`)

  const names = await checkedNames(parts, directories)
  const list: Segment[] = []
  const inLogFrom = parts.log.minOffset(topic, queueId)
  for (const [i, name] of names.log.entries()) {
    const segment = new Segment(Number(name), directories)
    const isLast = i === names.log.length - 1
    const before = list.at(-1)?.lastOffset ?? -1
    const isWhole =
      names.cq.includes(name) && (await findUnits(parts, segment, isLast, inLogFrom)) && segment.firstOffset > before
    // Messages that had not come to be in its queue file are still in the commit log.
    const comesAgain = isLast && segment.units === 0 && names.cq.includes(name) && inLogFrom <= before + 1
    if (!isWhole && !comesAgain) {
      const skippedBytes = await rebuildUnits(parts, segment, before)
      if (segment.units > 0)
        world.log.error(
          { topic, queueId, path: segment.cqPath, units: segment.units, skippedBytes },
          'a sparse consume queue file was missing or damaged: it is made anew from the messages that are whole',
        )
    }
    if (segment.units === 0) {
      // Made for a message that did not come to it.
      await disk.remove(segment.logPath)
      await disk.remove(segment.cqPath)
      continue
    }
    segment.sealed = !isLast
    list.push(segment)
  }
  for (const name of names.cq)
    if (!names.log.includes(name)) {
      world.log.error({ topic, queueId, file: name }, 'a file of the compaction log is missing: what was in it is lost')
      await disk.remove(`${directories.cq}/${name}`)
    }
  const last = list.at(-1)
  if (last !== undefined) await clearBehind(parts, last)
  return new CompactionLog(parts, topic, queueId, directories, list)
}

async function filesIn(world: World, directory: string): Promise<string[]> {
  if ((await world.disk.stat(directory)) === undefined) return []
  return (await world.disk.list(directory)).filter(({ kind }) => kind === 'file').map(({ name }) => name)
}

/**
 * Apache renames all old log files to `.delete`, moves the new ones up, removes the old ones, then does the same with the
 * queue files. As long as new log files wait in `compacting/`, all old ones are there; afterwards all new ones are.
 */
async function undoApaches({ disk, files, world }: CompactionParts, directories: Directories): Promise<void> {
  const waiting = (await filesIn(world, compactingIn(directories).log)).length > 0
  for (const directory of [directories.log, directories.cq]) {
    let changed = false
    for (const name of await filesIn(world, directory)) {
      if (!name.endsWith('.delete')) continue
      changed = true
      const old = `${directory}/${name}`
      if (waiting) await disk.rename(old, old.slice(0, -'.delete'.length))
      else await disk.remove(old)
    }
    if (!changed) continue
    await disk.syncDirectory(directory)
    world.log.warn({ directory, undone: waiting }, 'a compaction that an Apache broker was killed in is tidied up')
  }
  if (!waiting && (await disk.stat(`${directories.cq}/${COMPACTING}`)) !== undefined)
    for (const name of await filesIn(world, compactingIn(directories).cq))
      if (FILE_NAME.test(name) && (await disk.stat(`${directories.log}/${name}`)) !== undefined)
        await disk.remove(`${directories.cq}/${name}`)
  await abandonCompacting(disk, files, directories)
}

/** Names of the log files and of the queue files, in order; each has its full length then. */
async function checkedNames(
  { disk, world, sizes }: CompactionParts,
  directories: Directories,
): Promise<{ log: string[]; cq: string[] }> {
  const found = { log: [] as string[], cq: [] as string[] }
  const short: [path: string, sizeBytes: number][] = []
  for (const kind of ['log', 'cq'] as const) {
    const wanted = kind === 'log' ? sizes.logBytes : sizes.cqBytes
    const setting = kind === 'log' ? 'compactionMappedFileSize' : 'compactionCqMappedFileSize'
    for (const name of await filesIn(world, directories[kind])) {
      if (!FILE_NAME.test(name)) continue
      const path = `${directories[kind]}/${name}`
      const sizeBytes = (await disk.stat(path))?.sizeBytes ?? 0
      if (Number(name) % sizes.logBytes !== 0 || sizeBytes > wanted)
        throw new Error(
          `${path} has ${sizeBytes} bytes; ${setting} comes to ${wanted}, and names are multiples of ${sizes.logBytes}: set compactionMappedFileSize and compactionCqMappedFileSize to what the files were made with`,
        )
      if (sizeBytes < wanted) short.push([path, wanted])
      found[kind].push(name)
    }
  }
  // A crash can leave them so when they are made. Only now that all is known to be in order.
  for (const [path, wanted] of short) {
    const file = await disk.open(path, 'readWrite')
    try {
      await file.truncate(wanted)
      await file.sync()
    } finally {
      await file.close()
    }
  }
  return found
}

/** Reads where the segment's entries begin and end, and whether they look as they should. */
async function findUnits(
  parts: CompactionParts,
  segment: Segment,
  isLast: boolean,
  inLogFrom: number,
): Promise<boolean> {
  const { cqBytes, logBytes } = parts.sizes
  const most = cqBytes / SPARSE_UNIT_SIZE
  const at = async (index: number, count: number) => {
    const buffer = Buffer.alloc(Math.min(count, most - index) * SPARSE_UNIT_SIZE)
    await parts.files.use(segment.cqPath, file => file.read(buffer, index * SPARSE_UNIT_SIZE))
    return buffer
  }
  if (isLast) {
    // What was being written when the power went may lack any part of its pages.
    let end = segment.start
    let before = -1
    for (let index = 0, isOpen = true; isOpen && index < most; index += READ_UNITS) {
      const buffer = await at(index, READ_UNITS)
      for (let byte = 0; byte < buffer.length; byte += SPARSE_UNIT_SIZE) {
        const unit = getSparseUnit(buffer, byte)
        isOpen = isSparseUnit(buffer, byte) && unit.queueOffset > before && unit.physicalOffset === end
        if (!isOpen) break
        end += unit.sizeBytes
        before = unit.queueOffset
        segment.units++
      }
    }
  } else {
    let low = 0
    let high = most
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      if (isSparseUnit(await at(middle, 1), 0)) low = middle + 1
      else high = middle
    }
    segment.units = low
  }
  // Nothing, or all but nothing: the log file may still have something.
  if (segment.units === 0) return false
  const first = getSparseUnit(await at(0, 1), 0)
  let last = getSparseUnit(await at(segment.units - 1, 1), 0)
  segment.firstOffset = first.queueOffset
  const { units } = segment
  // A record at the end that is not whole was being written; one before it is damage, and met when it is read.
  for (; isLast && segment.units > 0; segment.units--) {
    last = getSparseUnit(await at(segment.units - 1, 1), 0)
    const [record] = await readRecords(parts, segment, [last])
    if (record !== undefined) break
  }
  if (segment.units < units)
    parts.world.log.warn(
      { path: segment.logPath, messages: units - segment.units },
      'the last messages of a compaction log are not whole: they are copied from the commit log again, if it has them',
    )
  if (segment.units === 0) return false
  segment.lastOffset = last.queueOffset
  segment.end = last.physicalOffset + last.sizeBytes
  const isPlausible =
    first.physicalOffset >= segment.start &&
    segment.end <= segment.start + logBytes &&
    segment.end > segment.start &&
    segment.lastOffset - segment.firstOffset >= segment.units - 1
  if (!isPlausible) return false
  const ends = await readRecords(parts, segment, [first, last])
  if (ends[0] === undefined && ends[1] === undefined) return false
  if (!(await recordFollows(parts, segment))) return true
  // The queue file lacks entries. Those at the end come from the commit log again, unless that has them no more.
  return isLast && inLogFrom <= segment.lastOffset + 1
}

/** Whether a record lies behind the one of the last entry. */
async function recordFollows({ files, sizes }: CompactionParts, segment: Segment): Promise<boolean> {
  const buffer = Buffer.alloc(8)
  if (segment.bytes + buffer.length > sizes.logBytes) return false
  await files.use(segment.logPath, file => file.read(buffer, segment.bytes))
  const magic = getInt(buffer, 4)
  return magic === MESSAGE_MAGIC_V1 || magic === MESSAGE_MAGIC_V2
}

/** Zeros behind the last entry and the last record: nothing that was written before may come back between what is written now. */
async function clearBehind({ files, sizes }: CompactionParts, segment: Segment): Promise<void> {
  for (const [path, used, sizeBytes] of [
    [segment.logPath, segment.bytes, sizes.logBytes],
    [segment.cqPath, segment.units * SPARSE_UNIT_SIZE, sizes.cqBytes],
  ] as const)
    await files.use(path, async file => {
      await file.truncate(used)
      await file.truncate(sizeBytes)
      await file.sync()
    })
}

/** Takes back everything from a queue offset on. Rejects with DiskError. */
export async function cutLog(queue: CompactionLog, queueOffset: number): Promise<void> {
  const { parts, segments } = queue
  const { disk, files, units } = parts
  const list = [...segments.list]
  for (let last = list.at(-1); last !== undefined && last.lastOffset >= queueOffset; last = list.at(-1)) {
    if (last.firstOffset >= queueOffset) {
      list.pop()
      queue.replaceList([...list])
      await files.forget(last.logPath)
      await files.forget(last.cqPath)
      await disk.remove(last.logPath)
      await disk.remove(last.cqPath)
      continue
    }
    const index = await units.indexOf(last, queueOffset)
    const { buffer, start } = await units.from(last, index - 1)
    const before = getSparseUnit(buffer, start)
    last.units = index
    last.lastOffset = before.queueOffset
    last.end = before.physicalOffset + before.sizeBytes
    last.sealed = false
    units.forget(last)
    await clearBehind(parts, last)
  }
  queue.copiedTo = Math.min(queue.copiedTo, queueOffset)
  for (const directory of [segments.directories.log, segments.directories.cq])
    if ((await disk.stat(directory)) !== undefined) await disk.syncDirectory(directory)
}

export const directoriesOf = (root: string, topic: string, queueId: number): Directories => ({
  log: `${root}/compactionLog/${topic}/${queueId}`,
  cq: `${root}/compactionCq/${topic}/${queueId}`,
})
