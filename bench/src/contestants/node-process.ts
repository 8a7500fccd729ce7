import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { own } from '../own-processes.ts'
import type { Server } from './contestant.ts'

/** What `rocketcluster up` gives its processes. */
const AS_SHIPPED = { UV_THREADPOOL_SIZE: '8' }

const LOG_TAIL = 2000
const POLL_MS = 20
const STOP_TIMEOUT_MS = 60_000

/** Starts a Node process and waits until `ready` says so. Rejects with the end of its log when it exits or is late. */
export async function startNode(
  args: readonly string[],
  options: { directory: string; logFile: string; ready: () => Promise<boolean>; readyTimeoutMs: number },
): Promise<Server> {
  const log = openSync(options.logFile, 'a')
  const child = spawn(process.execPath, args, {
    cwd: options.directory,
    env: { ...AS_SHIPPED, ...process.env },
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const exited = own(child)
  let gone = false
  exited.then(() => {
    gone = true
  })
  const end = async (signal: NodeJS.Signals) => {
    if (gone) return
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(late)
  }
  const deadline = Date.now() + options.readyTimeoutMs
  while (!(await options.ready())) {
    if (!gone && Date.now() < deadline) {
      await sleep(POLL_MS)
      continue
    }
    const why = gone ? 'exited before it was ready' : `was not ready after ${options.readyTimeoutMs} ms`
    await end('SIGKILL')
    const tail = readFileSync(options.logFile, 'utf8').slice(-LOG_TAIL)
    throw new Error(`${args.join(' ')} ${why}; ${options.logFile} ends with:\n${tail}`)
  }
  return { pid: child.pid!, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') }
}
