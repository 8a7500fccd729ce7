import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** A process to keep running. */
export interface ChildSpec {
  readonly name: string
  /** Arguments of the Node that runs us: the program's file first. */
  readonly args: readonly string[]
  readonly logFile: string
}

export type SupervisorEvent =
  | { readonly kind: 'started'; readonly name: string; readonly pid: number; readonly again: boolean }
  | {
      readonly kind: 'died'
      readonly name: string
      /** `exit code 1`, `signal SIGKILL`, `cannot be started: ENOENT` */
      readonly how: string
      /** Deaths in a row, each soon after its start. */
      readonly deaths: number
      readonly againMs: number
      /** The end of its log. */
      readonly lastLines: readonly string[]
    }

interface Child {
  readonly spec: ChildSpec
  /** Its log, open for appending. The child writes to the file itself: what it says survives us. */
  readonly log: number
  process: ChildProcess | undefined
  startedMs: number
  deaths: number
  restart: NodeJS.Timeout | undefined
  /** Where in the log its present life began. */
  logStart: number
  /** How far the log has been shown. */
  logShown: number
  exited: Promise<void>
}

const FIRST_BACK_OFF_MS = 250
const LONGEST_BACK_OFF_MS = 30_000
/** Who lives so long is not in a crash loop. */
const SETTLED_MS = 10_000
const LAST_LINES = 20
/** No more of a log's end is looked at. */
const LAST_BYTES = 16 * 1024
/** No more is read at once. */
const MOST_BYTES = 1024 * 1024
/** How often new lines are looked for, when somebody wants to see them. */
const LOOK_MS = 100

const childEnvironment = {
  // A module that was compiled once need not be again: that is half of the time that a process takes to start.
  // In the user's own directory: what lies there is executed.
  NODE_COMPILE_CACHE: join(homedir(), '.cache', 'rocketcluster', 'compile'),
  // With libuv's four threads, syncs and reads of old messages could fill the pool and keep the log's writes waiting.
  UV_THREADPOOL_SIZE: '8',
  ...process.env,
}

/** How long to wait before the next start after so many deaths in a row. */
export function backOffMs(deaths: number): number {
  return Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** (deaths - 1))
}

/**
 * Keeps child processes running: what dies is started again, later each time. A child gets an IPC channel that is never
 * spoken on: it closes when we die, however we die, and the child then stops by itself.
 */
export class Supervisor {
  readonly #onEvent: (event: SupervisorEvent) => void
  readonly #onLine: ((name: string, line: string) => void) | undefined
  readonly #looking: NodeJS.Timeout | undefined
  readonly #children = new Map<string, Child>()
  #stopping = false

  constructor(onEvent: (event: SupervisorEvent) => void, onLine?: (name: string, line: string) => void) {
    this.#onEvent = onEvent
    this.#onLine = onLine
    if (onLine) this.#looking = setInterval(() => this.#showAll(), LOOK_MS).unref()
  }

  start(spec: ChildSpec): void {
    const log = openSync(spec.logFile, 'a+')
    const child: Child = {
      spec,
      log,
      process: undefined,
      startedMs: 0,
      deaths: 0,
      restart: undefined,
      logStart: 0,
      logShown: fstatSync(log).size,
      exited: Promise.resolve(),
    }
    this.#children.set(spec.name, child)
    this.#spawn(child)
  }

  /** undefined while it is not running. */
  pid(name: string): number | undefined {
    return this.#children.get(name)?.process?.pid
  }

  get running(): number {
    return [...this.#children.values()].filter(child => child.process !== undefined).length
  }

  /** SIGTERM to all of them at once; SIGKILL for those still there after `patienceMs`. Resolves to the names killed. */
  async stop(names: readonly string[], patienceMs: number): Promise<string[]> {
    this.#stopping = true
    const killed: string[] = []
    await Promise.all(
      names.map(async name => {
        const child = this.#children.get(name)
        if (!child) return
        clearTimeout(child.restart)
        const running = child.process
        if (running) {
          running.kill('SIGTERM')
          const impatience = setTimeout(() => {
            killed.push(name)
            running.kill('SIGKILL')
          }, patienceMs)
          await child.exited
          clearTimeout(impatience)
        }
        this.#close(child)
      }),
    )
    return killed
  }

  /** Kills one that does not listen any more; it is started again. */
  killOne(name: string): void {
    this.#children.get(name)?.process?.kill('SIGKILL')
  }

  /** Kills everything that runs, at once. For when there is no time left. */
  kill(): void {
    this.#stopping = true
    for (const child of this.#children.values()) {
      clearTimeout(child.restart)
      child.process?.kill('SIGKILL')
    }
  }

  #spawn(child: Child): void {
    const { name, args } = child.spec
    const logStart = fstatSync(child.log).size
    // Its own process group: Ctrl-C reaches us alone, and we stop the others in the right order.
    const running = spawn(process.execPath, [...args], {
      stdio: ['ignore', 'ignore', child.log, 'ipc'],
      detached: true,
      env: childEnvironment,
    })
    // Nobody speaks on the channel; without this it would keep us alive.
    running.channel?.unref()
    child.process = running
    child.startedMs = performance.now()
    child.logStart = logStart
    let cannotStart: string | undefined
    child.exited = new Promise(resolve => {
      const gone = (how: string) => {
        if (child.process !== running) return
        child.process = undefined
        resolve()
        if (!this.#stopping) this.#died(child, how)
      }
      running.once('error', error => {
        cannotStart = `cannot be started: ${error.message}`
        if (running.pid === undefined) gone(cannotStart)
      })
      running.once('exit', (code, signal) => gone(cannotStart ?? (signal ? `signal ${signal}` : `exit code ${code}`)))
    })
    if (running.pid !== undefined) this.#onEvent({ kind: 'started', name, pid: running.pid, again: child.deaths > 0 })
  }

  #died(child: Child, how: string): void {
    const settled = performance.now() - child.startedMs >= SETTLED_MS
    child.deaths = settled ? 1 : child.deaths + 1
    const againMs = backOffMs(child.deaths)
    child.restart = setTimeout(() => this.#spawn(child), againMs)
    const lastLines = linesOf(child.log, Math.max(child.logStart, fstatSync(child.log).size - LAST_BYTES)).slice(
      -LAST_LINES,
    )
    this.#onEvent({ kind: 'died', name: child.spec.name, how, deaths: child.deaths, againMs, lastLines })
  }

  /** Whole lines that have come to the logs since the last look. */
  #showAll(): void {
    for (const child of this.#children.values()) this.#show(child)
  }

  #show(child: Child): void {
    if (!this.#onLine) return
    const text = textOf(child.log, child.logShown)
    const end = text.lastIndexOf(NEWLINE) + 1
    child.logShown += end
    if (end > 0) for (const line of splitLines(text.subarray(0, end))) this.#onLine(child.spec.name, line)
  }

  #close(child: Child): void {
    this.#show(child)
    this.#children.delete(child.spec.name)
    closeSync(child.log)
    if (this.#children.size === 0) clearInterval(this.#looking)
  }
}

const NEWLINE = 10

function linesOf(file: number, from: number): string[] {
  return splitLines(textOf(file, from))
}

function splitLines(text: Buffer): string[] {
  const all = text.toString('utf8').split('\n')
  if (all.at(-1) === '') all.pop()
  return all
}

function textOf(file: number, from: number): Buffer {
  const bytes = Buffer.alloc(Math.min(MOST_BYTES, Math.max(0, fstatSync(file).size - from)))
  return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from))
}
