import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A JVM that was started. */
export interface ApacheProcess {
  readonly pid: number
  /** `host:port` that clients use. */
  readonly address: string
  readonly port: number
  readonly dataDir: string
  /** Standard output and error. */
  readonly logFile: string
  readonly exited: Promise<number | null>
  /** SIGTERM, then SIGKILL after `timeoutMs`; resolves when the process is gone. */
  stop(timeoutMs?: number): Promise<void>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

const running = new Set<ChildProcess>()
// A test run that dies must not leave JVMs behind. SIGKILL of the runner itself cannot be helped.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface StartOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly address: string
  readonly port: number
  readonly dataDir: string
  readonly logFile: string
  /** The process serves when its output contains this. */
  readonly readyText: string
  readonly readyTimeoutMs: number
}

/** Starts a process and waits for its sentence. Rejects with the end of its output when it exits or is late. */
export async function start(options: StartOptions): Promise<ApacheProcess> {
  await mkdir(dirname(options.logFile), { recursive: true })
  const log = createWriteStream(options.logFile, { flags: 'a' })
  const child = spawn(options.command, options.args, {
    env: { ...process.env, ...options.env },
    cwd: options.dataDir,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let tail = ''
  const exited = new Promise<number | null>(resolve => {
    child.once('exit', code => {
      running.delete(child)
      log.end()
      resolve(code)
    })
  })
  const name = `${options.command} ${options.args.at(-1)}`
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new Error(`${name} ${why}; its log ${options.logFile} ends with:\n${tail.slice(-3000)}`))
    }
    const timer = setTimeout(() => fail(`was not ready after ${options.readyTimeoutMs} ms`), options.readyTimeoutMs)
    const onData = (chunk: Buffer) => {
      if (!log.writableEnded) log.write(chunk)
      tail = (tail + chunk.toString()).slice(-10_000)
      if (!tail.includes(options.readyText)) return
      clearTimeout(timer)
      resolve()
    }
    child.stdout.on('data', onData)
    child.stderr.on('data', onData)
    child.once('error', error => fail(`could not be started: ${error.message}`))
    child.once('exit', code => fail(`exited with ${code} before it was ready`))
  })
  const end = async (signal: NodeJS.Signals, timeoutMs: number) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    await exited
    clearTimeout(timer)
  }
  const { address, port, dataDir, logFile } = options
  return {
    pid: child.pid!,
    address,
    port,
    dataDir,
    logFile,
    exited,
    stop: (timeoutMs = 60_000) => end('SIGTERM', timeoutMs),
    kill: () => end('SIGKILL', 0),
  }
}
