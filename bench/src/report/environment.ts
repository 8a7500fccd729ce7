import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'

/** Where and of what the figures are. */
export interface Environment {
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGib: number
  readonly kernel: string
  readonly java: string
  readonly apache: string
  readonly ours: string
  readonly commit: string | undefined
  /** One minute's. Well above zero: others were at work, and the figures are noisy. */
  readonly load: string
}

function said(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 20_000,
    }).trim()
  } catch {
    return undefined
  }
}

export function environment(versions: { apache: string; ours: string }): Environment {
  const changed = said('git', ['status', '--porcelain', '--untracked-files=no'])
  const commit = said('git', ['rev-parse', '--short', 'HEAD'])
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    java: said('java', ['--version'])?.split('\n')[0] ?? 'no Java',
    ...versions,
    commit: commit && changed ? `${commit} with changes` : commit,
    load: loadavg()[0]!.toFixed(1),
  }
}
