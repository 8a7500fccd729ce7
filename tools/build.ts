/**
 * `npm run build [-- DIR]`: what ships. One JavaScript file for each process in dist/, with everything in it but native modules.
 * It starts several times faster than the sources: Node finds, strips and links one file instead of hundreds.
 */
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

const ENTRIES: Readonly<Record<string, string>> = {
  nameserver: 'nameserver/src/main.ts',
  broker: 'broker/src/main.ts',
  controller: 'controller/src/main.ts',
  cli: 'cli/src/main.ts',
}

/** Below a folder with our node_modules, where native modules are looked for. */
const directory = resolve(process.argv[2] ?? root('dist'))

/** Native code cannot be bundled: these have to lie in node_modules where the bundles run. */
const EXTERNAL = ['koffi']

for (const [name, entry] of Object.entries(ENTRIES)) {
  const bundle = await rolldown({
    input: root(entry),
    platform: 'node',
    external: EXTERNAL,
    // Warnings would be about packages of others; an import that cannot be resolved is an error all the same.
    onLog(level, log, handler) {
      if (level === 'warn' && log.code === 'UNRESOLVED_IMPORT') handler('error', log)
      else if (level !== 'info') handler(level, log)
    },
  })
  const file = join(directory, `${name}.js`)
  rmSync(file, { force: true })
  await bundle.write({ file, format: 'esm', codeSplitting: false, sourcemap: true, minify: false })
  await bundle.close()
  console.log(`wrote ${file}`)
}
