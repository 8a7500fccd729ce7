import { type Disk, replaceFile } from '@rocketcluster/world'
import { makeDurableDirectory } from './make-directory.ts'

const MARK = 'resync'

/** All that is made of the log, below `storePathRootDir`. `config/` stays: what it says of topics and groups is the master's word. */
const DERIVED = ['consumequeue', 'index', 'checkpoint', 'abort', 'timerwheel', 'timerlog', 'compaction']

/**
 * The next `Store.open` begins with an empty log: what is here cannot be continued. Durable when it resolves; nothing is
 * removed before. Throws DiskError.
 */
export async function markForEmptying(disk: Disk, root: string): Promise<void> {
  await makeDurableDirectory(disk, root)
  await replaceFile(disk, `${root}/${MARK}`, Buffer.from('the next start empties this store\n'))
}

/** Empties a store that is marked. The mark goes last: a start that dies in between begins again. Returns whether there was one. */
export async function emptyIfMarked(disk: Disk, root: string, commitLog: string): Promise<boolean> {
  if ((await disk.stat(`${root}/${MARK}`)) === undefined) return false
  for (const path of [commitLog, ...DERIVED.map(name => `${root}/${name}`)]) {
    const found = await disk.stat(path)
    if (found?.kind === 'directory') await disk.removeTree(path)
    else if (found !== undefined) await disk.remove(path)
  }
  await disk.syncDirectory(root)
  await disk.remove(`${root}/${MARK}`)
  await disk.syncDirectory(root)
  return true
}
