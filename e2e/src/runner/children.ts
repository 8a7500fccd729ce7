import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Every process and every mount of a run. Whatever happens to the runner (short of SIGKILL), they are gone when it is:
 * by process id, never by name.
 */
const running = new Set<ChildProcess>()
const mounts = new Set<string>()
/** Log files of the processes started since `forgetLogs`, in order. */
let logs: string[] = []

process.on('exit', () => {
  for (const child of running) {
    child.kill('SIGKILL')
    // A stopped process takes its SIGKILL, but what it holds open below a mount is let go a little later.
    if (child.pid !== undefined) awaitGone(child.pid)
  }
  for (const directory of mounts) spawnSync('umount', ['-l', directory])
})

/** SIGTERM to everything: what has children of its own stops them. Whoever is left after the time is for the exit handler. */
export async function stopAll(timeoutMs: number): Promise<void> {
  const gone = [...running].map(child => new Promise(resolve => child.once('close', resolve)))
  for (const child of running) child.kill('SIGTERM')
  let timer: NodeJS.Timeout | undefined
  const late = new Promise(resolve => {
    timer = setTimeout(resolve, timeoutMs)
  })
  await Promise.race([Promise.all(gone), late])
  clearTimeout(timer)
}

function awaitGone(pid: number): void {
  for (let i = 0; i < 20; i++) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    // A zombie still answers to signals; nobody reaps it while the exit handler runs.
    if (readState(pid) === 'Z') return
    spawnSync('sleep', ['0.05'])
  }
}

function readState(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
  } catch {
    return 'Z'
  }
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Child {
  readonly pid: number
  readonly logFile: string
  readonly ended: Promise<Ended>
  /** Undefined while it runs. */
  readonly end: Ended | undefined
  /** Lines of standard output as they come, and those that have come. */
  readonly lines: readonly string[]
  onLine(listener: (line: string) => void): void
  write(text: string): void
  signal(signal: NodeJS.Signals): void
  /** SIGTERM, SIGKILL when that is not enough; resolves when it is gone. */
  stop(timeoutMs?: number): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

export interface StartChild {
  /** Of the log file. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

let serial = 0
let logDirectory = ''

/** Where log files go; set once by the runner. */
export function keepLogsIn(directory: string): void {
  mkdirSync(directory, { recursive: true })
  logDirectory = directory
}

export function forgetLogs(): void {
  logs = []
}

export const logsSoFar = (): readonly string[] => logs

/** Starts a process: standard error goes to its log file, standard output to `lines` and to the log file. */
export function startChild({ name, command, args, env, cwd }: StartChild): Child {
  const logFile = join(logDirectory, `${String(++serial).padStart(4, '0')}-${name}.log`)
  const log = openSync(logFile, 'a')
  const options: SpawnOptions = {
    stdio: ['pipe', 'pipe', log],
    env: { ...process.env, ...env },
    cwd: cwd ?? logDirectory,
  }
  const child = spawn(command, args as string[], options)
  closeSync(log)
  logs.push(logFile)
  running.add(child)
  const lines: string[] = []
  const listeners = new Set<(line: string) => void>()
  let rest = ''
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop()!
    for (const line of parts) {
      lines.push(line)
      for (const listener of listeners) listener(line)
    }
  })
  child.stdin!.on('error', () => {})
  let end: Ended | undefined
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', error => {
      running.delete(child)
      if (child.pid === undefined) reject(new Error(`${command} could not be started: ${error.message}`))
    })
    // `close`, not `exit`: the last lines may come after the process is gone.
    child.once('close', (code, signal) => {
      running.delete(child)
      end = { code, signal }
      resolve(end)
    })
  })
  ended.catch(() => {})
  const stopWith = async (signal: NodeJS.Signals, timeoutMs: number) => {
    if (end) return
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    await ended.catch(() => {})
    clearTimeout(timer)
  }
  return {
    pid: child.pid ?? -1,
    logFile,
    ended,
    get end() {
      return end
    },
    lines,
    onLine: listener => void listeners.add(listener),
    write: text => void child.stdin!.write(text),
    signal: signal => void child.kill(signal),
    stop: (timeoutMs = 15_000) => stopWith('SIGTERM', timeoutMs),
    kill: () => stopWith('SIGKILL', 0),
  }
}

/** Runs a process to its end and returns what it printed; rejects with the end of its output when it fails or is late. */
export async function runChild(options: StartChild & { timeoutMs?: number; signal?: AbortSignal }): Promise<string> {
  const child = startChild(options)
  const { timeoutMs = 60_000, signal } = options
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.signal('SIGKILL')
  }, timeoutMs)
  const onAbort = () => child.signal('SIGKILL')
  signal?.addEventListener('abort', onAbort)
  try {
    const { code, signal: by } = await child.ended
    const output = child.lines.join('\n')
    if (code === 0) return output
    const how = late ? `was not done after ${timeoutMs} ms` : `ended with ${code ?? by}`
    throw new Error(`${options.name} ${how}: ${(output + tail(child.logFile)).slice(-3000)}`)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

export function tail(file: string, lines = 25): string {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(-lines).join('\n')
  } catch {
    return ''
  }
}

/** A file system of so many bytes in memory. Needs root on Linux; undefined when that is refused. */
export function mountTmpfs(directory: string, sizeBytes: number): (() => void) | undefined {
  mkdirSync(directory, { recursive: true })
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'rocketcluster-e2e', directory])
  if (status !== 0) {
    rmSync(directory, { recursive: true, force: true })
    return undefined
  }
  mounts.add(directory)
  return () => {
    mounts.delete(directory)
    spawnSync('umount', ['-l', directory])
  }
}
