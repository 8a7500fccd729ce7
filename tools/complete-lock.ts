/**
 * Completes package-lock.json with the optional packages of other platforms. npm leaves them out when the registry it
 * asked did not have them, and `npm ci` then refuses the lock on every machine. They are never fetched where `os` and
 * `cpu` do not fit, so name, version and platform are all that an entry needs. Run it after `npm install`.
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface Entry {
  version?: string
  optional?: boolean
  dev?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

const OS = [
  'android',
  'darwin',
  'linux',
  'win32',
  'freebsd',
  'openbsd',
  'sunos',
  'aix',
  'netbsd',
  'openharmony',
] as const
const CPU = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el', 'wasm32'] as const

/** `@biomejs/cli-linux-arm64-musl` is for linux, arm64 and musl. */
function platformOf(name: string): Pick<Entry, 'os' | 'cpu' | 'libc'> | undefined {
  const words = name.split(/[-/]/)
  const os = OS.find(word => words.includes(word))
  const cpu = CPU.find(word => words.includes(word))
  if (cpu === 'wasm32') return { cpu: ['wasm32'] }
  if (!os) return undefined
  const libc = words.some(word => word.startsWith('musl'))
    ? 'musl'
    : words.some(word => word.startsWith('gnu'))
      ? 'glibc'
      : undefined
  return { os: [os], ...(cpu && { cpu: [cpu] }), ...(os === 'linux' && libc && { libc: [libc] }) }
}

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, Entry> }
const added: Record<string, Entry> = {}
for (const [where, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    // npm looks beside the package first, then at the top.
    if (lock.packages[`${where}/node_modules/${name}`] || lock.packages[`node_modules/${name}`]) continue
    const platform = platformOf(name)
    if (!platform || !/^\d+\.\d+\.\d+/.test(range)) {
      process.stderr.write(`${where} wants ${name}@${range}, which is neither in the lock nor for another platform\n`)
      continue
    }
    added[`node_modules/${name}`] = { version: range, ...(entry.dev && { dev: true }), optional: true, ...platform }
  }
}
const packages = Object.entries({ ...lock.packages, ...added }).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`)
process.stdout.write(`added ${Object.keys(added).length} packages of other platforms\n`)
