import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { own } from './own-processes.ts'
import { cpuSeconds } from './process-figures.ts'

/** What a generator printed, and what the broker spent in the time it measured. */
export interface LoadResult {
  readonly [figure: string]: number
  readonly brokerCpuSeconds: number
}

interface LoadOptions {
  /** The broker's process id; without it its CPU time is not looked at. */
  readonly broker: number | undefined
  readonly timeoutMs: number
}

const NOTHING_SAID = 'it printed nothing'

/**
 * Runs a generator to its end. It says `measuring` on standard error when its warm-up is over and prints one JSON line at
 * the end (load/window.ts). Rejects with what it said when it fails or takes longer than `timeoutMs`.
 */
export async function runLoad(command: string, args: readonly string[], options: LoadOptions): Promise<LoadResult> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = own(child)
  const late = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs)
  const cpu = () => (options.broker === undefined ? 0 : cpuSecondsIfAlive(options.broker))
  let cpuBefore = 0
  let cpuAfter = 0
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => {
    cpuAfter = cpu()
    out += chunk
  })
  child.stderr.on('data', chunk => {
    if (!err.includes('measuring') && String(chunk).includes('measuring')) cpuBefore = cpu()
    err = (err + chunk).slice(-4000)
  })
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()))
  const code = await exited
  await closed
  clearTimeout(late)
  const line = out.trim().split('\n').at(-1) ?? ''
  if (code !== 0 || line === '') {
    const what = code === null ? `was ended after ${options.timeoutMs} ms` : `exited with ${code}`
    throw new Error(
      `${command} ${args.join(' ')} ${what}: ${(err + out).replace('measuring\n', '').trim() || NOTHING_SAID}`,
    )
  }
  const { firstFailure, ...figures } = JSON.parse(line)
  if (figures.failed > 0)
    process.stderr.write(`  ${figures.failed} requests were refused; the first: ${firstFailure}\n`)
  return { ...figures, brokerCpuSeconds: cpuAfter - cpuBefore }
}

/** A broker that died under the load is the generator's to report. */
function cpuSecondsIfAlive(pid: number): number {
  try {
    return cpuSeconds(pid)
  } catch {
    return Number.NaN
  }
}

/** A generator of this folder. */
export function runNodeLoad(script: string, args: readonly string[], options: LoadOptions): Promise<LoadResult> {
  return runLoad(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args], options)
}
