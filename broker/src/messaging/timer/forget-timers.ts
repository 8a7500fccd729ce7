import type { Disk } from '@rocketcluster/world'

/**
 * Removes the wheel and its log below `root`: they go with the checkpoint of whoever wrote them, and another one takes its place.
 * The next start makes them anew from the messages. Throws DiskError.
 */
export async function forgetTimers(disk: Disk, root: string): Promise<void> {
  let removed = false
  for (const path of [`${root}/timerwheel`, `${root}/timerlog`]) {
    const found = await disk.stat(path)
    if (found === undefined) continue
    if (found.kind === 'directory') await disk.removeTree(path)
    else await disk.remove(path)
    removed = true
  }
  if (removed) await disk.syncDirectory(root)
}
