import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
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
  readonly log: WriteStream
  process: ChildProcess | undefined
  startedMs: number
  deaths: number
  restart: NodeJS.Timeout | undefined
  lastLines: string[]
  unfinished: string
  exited: Promise<void>
}

const FIRST_BACK_OFF_MS = 250
const LONGEST_BACK_OFF_MS = 30_000
/** Who lives so long is not in a crash loop. */
const SETTLED_MS = 10_000
const LAST_LINES = 20
const LONGEST_LINE = 2000

/** A module that was compiled once need not be again: that is half of the time that a process takes to start. */
const childEnvironment = { NODE_COMPILE_CACHE: join(tmpdir(), 'rocketcluster-compile-cache'), ...process.env }

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
  readonly #onLine: (name: string, line: string) => void
  readonly #children = new Map<string, Child>()
  #stopping = false

  constructor(onEvent: (event: SupervisorEvent) => void, onLine: (name: string, line: string) => void = () => {}) {
    this.#onEvent = onEvent
    this.#onLine = onLine
  }

  start(spec: ChildSpec): void {
    const log = createWriteStream(spec.logFile, { flags: 'a' })
    // A full disk must not take the supervisor down; the child's own writes will tell.
    log.on('error', () => {})
    const child: Child = {
      spec,
      log,
      process: undefined,
      startedMs: 0,
      deaths: 0,
      restart: undefined,
      lastLines: [],
      unfinished: '',
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

  lastLines(name: string): readonly string[] {
    return this.#children.get(name)?.lastLines ?? []
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
        await new Promise<void>(resolve => child.log.end(resolve))
      }),
    )
    return killed
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
    // Its own process group: Ctrl-C reaches us alone, and we stop the others in the right order.
    const running = spawn(process.execPath, [...args], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: true,
      env: childEnvironment,
    })
    // Nobody speaks on the channel; without this it would keep us alive.
    running.channel?.unref()
    child.process = running
    child.startedMs = performance.now()
    child.lastLines = []
    child.unfinished = ''
    running.stderr?.setEncoding('utf8').on('data', (text: string) => this.#take(child, text))
    let cannotStart: string | undefined
    child.exited = new Promise(resolve => {
      const gone = (how: string) => {
        if (child.process !== running) return
        child.process = undefined
        if (child.unfinished !== '') this.#take(child, '\n')
        resolve()
        if (!this.#stopping) this.#died(child, how)
      }
      running.once('error', error => {
        cannotStart = `cannot be started: ${error.message}`
        if (running.pid === undefined) gone(cannotStart)
      })
      // `close` comes after the last of stderr has been read.
      running.once('close', (code, signal) => gone(cannotStart ?? (signal ? `signal ${signal}` : `exit code ${code}`)))
    })
    if (running.pid !== undefined) this.#onEvent({ kind: 'started', name, pid: running.pid, again: child.deaths > 0 })
  }

  #died(child: Child, how: string): void {
    const settled = performance.now() - child.startedMs >= SETTLED_MS
    child.deaths = settled ? 1 : child.deaths + 1
    const againMs = backOffMs(child.deaths)
    child.restart = setTimeout(() => this.#spawn(child), againMs)
    const { deaths, lastLines } = child
    this.#onEvent({ kind: 'died', name: child.spec.name, how, deaths, againMs, lastLines })
  }

  #take(child: Child, text: string): void {
    child.log.write(text)
    const lines = (child.unfinished + text).split('\n')
    child.unfinished = lines.pop()!.slice(-LONGEST_LINE)
    for (const line of lines) {
      child.lastLines.push(line.slice(0, LONGEST_LINE))
      this.#onLine(child.spec.name, line)
    }
    if (child.lastLines.length > LAST_LINES) child.lastLines.splice(0, child.lastLines.length - LAST_LINES)
  }
}
