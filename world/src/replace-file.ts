import type { Disk } from './disk.ts'

/**
 * Replaces a whole file: after a crash at any moment it holds the old content or the new one, and the new one for sure
 * when this has resolved. The directory has to exist. `beforeReplace` runs when the new content is on stable storage
 * under `<path>.tmp`, the old one still in its place. Throws DiskError; the old content stands then.
 */
export async function replaceFile(
  disk: Disk,
  path: string,
  content: Uint8Array,
  beforeReplace: () => Promise<void> = async () => {},
): Promise<void> {
  const temporary = `${path}.tmp`
  const file = await disk.open(temporary, 'create')
  try {
    // What an earlier attempt left behind may be longer than what comes now.
    await file.truncate(0)
    await file.write([content], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await beforeReplace()
  await disk.rename(temporary, path)
  await disk.syncDirectory(path.slice(0, path.lastIndexOf('/')) || '/')
}
