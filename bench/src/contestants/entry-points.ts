import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { EntryPoints } from './ours.ts'

const run = promisify(execFile)
const BUILD_TIMEOUT_MS = 120_000
const root = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

/** What ships, built anew from the sources that are there; or the sources themselves. */
export async function entryPoints(sources: boolean): Promise<EntryPoints> {
  if (sources)
    return {
      nameserver: root('nameserver/src/main.ts'),
      broker: root('broker/src/main.ts'),
      what: 'TypeScript sources',
    }
  // Not dist/: somebody may build there while the bench runs for hours.
  const directory = root(`bench/.cache/build-${process.pid}`)
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  await run(process.execPath, [root('tools/build.ts'), directory], { timeout: BUILD_TIMEOUT_MS })
  return { nameserver: join(directory, 'nameserver.js'), broker: join(directory, 'broker.js'), what: 'bundles' }
}
