import { readFileSync } from 'node:fs'

/** Another one after each start of the machine (Linux, random(4)); empty where the system does not say. */
export function machineBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
