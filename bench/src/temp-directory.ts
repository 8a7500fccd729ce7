import { mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const existing = new Set<string>()

process.on('exit', () => {
  for (const directory of existing) rmSync(directory, { recursive: true, force: true })
})

/** A new directory below the system's temporary one; gone at the latest when this process ends. */
export function tempDirectory(name: string): { path: string; remove(): Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), `rocketcluster-bench-${name}-`))
  existing.add(path)
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true, maxRetries: 3 })
      existing.delete(path)
    },
  }
}
