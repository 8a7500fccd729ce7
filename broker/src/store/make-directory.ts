import type { Disk } from '@rocketcluster/world'

/** Makes a directory and its parents so that a power cut does not take them, and with them all they hold. Throws DiskError. */
export async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  const made: string[] = []
  for (let at = path; at !== '' && (await disk.stat(at)) === undefined; at = parentOf(at)) made.push(at)
  await disk.makeDirectory(path)
  // Also when it was there: the process that made it may have died before it synced.
  if (made.length === 0) made.push(path)
  for (const directory of made.reverse()) {
    try {
      await disk.syncDirectory(parentOf(directory) || '/')
    } catch (error) {
      // A mount point's parent may belong to somebody else; then it also was made by somebody else.
      if ((error as { code?: unknown }).code !== 'EACCES') throw error
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}
