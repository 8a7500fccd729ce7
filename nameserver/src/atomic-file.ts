import { dirname } from 'node:path'
import { type Disk, DiskError, replaceFile } from '@rocketcluster/world'

/** The file's text, or undefined when there is none. Throws DiskError. */
export async function readText(disk: Disk, path: string): Promise<string | undefined> {
  try {
    return Buffer.from(await disk.readFile(path)).toString('utf8')
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Replaces a whole file: after a crash at any moment it holds the old text or the new one, and the new one for sure
 * when this has resolved. Makes the directory when it is missing. Throws DiskError; the old text stands then.
 */
export async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  await disk.makeDirectory(dirname(path))
  await replaceFile(disk, path, Buffer.from(text))
}
