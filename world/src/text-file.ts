import { type Disk, DiskError } from './disk.ts'
import { replaceFile } from './replace-file.ts'

/** The file's text, or undefined when there is none. Throws DiskError. */
export async function readTextFile(disk: Disk, path: string): Promise<string | undefined> {
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
export async function writeTextFile(disk: Disk, path: string, text: string): Promise<void> {
  await disk.makeDirectory(path.slice(0, path.lastIndexOf('/')) || '/')
  await replaceFile(disk, path, Buffer.from(text))
}
