import { type Disk, replaceFile } from '@rocketcluster/world'
import { offsetToFileName } from '../log-files.ts'
import type { OpenFiles } from '../open-files.ts'
import type { Directories, Segment } from './segments.ts'

/** Where a compaction makes its files, below those of the queue (CompactionLog.java). */
export const COMPACTING = 'compacting'
/** Is there from the moment on when the new files count, until they have taken their places. */
const MARK = 'replace.json'

export const compactingIn = ({ log, cq }: Directories): Directories => ({
  log: `${log}/${COMPACTING}`,
  cq: `${cq}/${COMPACTING}`,
})

/**
 * Files of a compaction that take the place of others, all of them or none. They are complete and synced in `compacting/`
 * when the mark is written; from then on, also after a crash, each is moved to its place and what they replace is removed.
 */
export interface Replacement {
  /** Queue offset up to which messages are compacted then. */
  readonly position: number
  /** Names of the files that go, and of those that come; some are the same. */
  readonly remove: readonly string[]
  readonly add: readonly string[]
}

export async function writeMark(disk: Disk, directories: Directories, replacement: Replacement): Promise<void> {
  await replaceFile(disk, `${compactingIn(directories).log}/${MARK}`, Buffer.from(JSON.stringify(replacement)))
}

/** The mark that is there. Throws DiskError, and Error when it is none of ours. */
export async function readMark(disk: Disk, directories: Directories): Promise<Replacement | undefined> {
  const path = `${compactingIn(directories).log}/${MARK}`
  if ((await disk.stat(path)) === undefined) return undefined
  const value = JSON.parse(Buffer.from(await disk.readFile(path)).toString()) as Partial<Replacement>
  const isName = (name: unknown) => typeof name === 'string' && /^\d{20}$/.test(name)
  if (!Number.isSafeInteger(value.position) || !value.remove?.every(isName) || !value.add?.every(isName))
    throw new Error(`${path} does not say which files take the place of which`)
  return value as Replacement
}

/**
 * Does what the mark says, as far as it is not done yet. `segments` are those of the new files, when somebody reads them
 * meanwhile. `save` makes the new position durable before the mark goes. Rejects with DiskError; to be tried again then.
 */
export async function applyReplacement(
  disk: Disk,
  files: OpenFiles,
  directories: Directories,
  { remove, add }: Replacement,
  save: () => Promise<void>,
  segments: readonly Segment[] = [],
): Promise<void> {
  const from = compactingIn(directories)
  for (const kind of ['log', 'cq'] as const) {
    for (const name of add) {
      const [old, path] = [`${from[kind]}/${name}`, `${directories[kind]}/${name}`]
      if ((await disk.stat(old)) !== undefined) {
        await disk.rename(old, path)
        // Who opened the replaced file under this name must not be taken for who opened the new one.
        await files.forget(path)
      }
      const segment = segments.find(one => offsetToFileName(one.start) === name)
      if (segment === undefined) continue
      if (kind === 'log') segment.logPath = path
      else segment.cqPath = path
      await files.forget(old)
    }
    for (const name of remove) {
      if (add.includes(name)) continue
      await files.forget(`${directories[kind]}/${name}`)
      await disk.remove(`${directories[kind]}/${name}`)
    }
    await disk.syncDirectory(directories[kind])
  }
  await save()
  await abandonCompacting(disk, files, directories)
}

/** Removes what is in `compacting/`, the mark before all else. Rejects with DiskError. */
export async function abandonCompacting(disk: Disk, files: OpenFiles, directories: Directories): Promise<void> {
  const { log, cq } = compactingIn(directories)
  if ((await disk.stat(log)) !== undefined) {
    // Without the files it names it must never be found.
    await disk.remove(`${log}/${MARK}`)
    await disk.syncDirectory(log)
  }
  for (const directory of [log, cq]) {
    await files.forget(`${directory}/`)
    await disk.removeTree(directory)
  }
}
