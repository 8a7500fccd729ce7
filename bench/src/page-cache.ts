import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { own } from './own-processes.ts'

const SYNC_TIMEOUT_MS = 600_000

/** Writes all dirty pages, so that what one contestant wrote does not slow down the next. */
export async function syncDisks(): Promise<void> {
  const child = spawn('sync', { stdio: 'ignore', timeout: SYNC_TIMEOUT_MS })
  await own(child)
}

/** Whether `dropPageCache` can do its work here: it needs root. */
export function canDropPageCache(): boolean {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '1')
    return true
  } catch {
    return false
  }
}

/**
 * Takes clean file pages out of memory. Pages that a running process has mapped stay: it has to be stopped first
 * (that is why the cold measure restarts the broker).
 */
export async function dropPageCache(): Promise<void> {
  await syncDisks()
  writeFileSync('/proc/sys/vm/drop_caches', '1')
}
