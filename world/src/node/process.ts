/** What every server process does at its edge: start, stop on a signal, say in one sentence why it cannot start. */

export interface Running {
  /** Resolves when everything is safely closed. Called once. */
  stop(): Promise<void>
}

/** A stop that hangs must not keep a container from being replaced. */
const STOP_LIMIT_MS = 30_000

/**
 * Runs a process until SIGTERM, SIGINT, or the end of the IPC channel it was started with (its supervisor is gone),
 * then stops it and exits with 0. A start that fails prints its message to standard error and exits with 1.
 * `start` resolves to undefined when there is nothing to run (`--help`).
 */
export async function runProcess(start: () => Promise<Running | undefined>): Promise<void> {
  let stopping = false
  let running: Running | undefined
  const stop = async () => {
    // A signal during the start is honoured when the start is over: what was opened must be closed properly.
    if (stopping || !running) {
      stopping = true
      return
    }
    stopping = true
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref()
    try {
      await running.stop()
      process.exit(0)
    } catch (error) {
      process.stderr.write(`stopping failed: ${(error as Error).stack}\n`)
      process.exit(1)
    }
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
  process.on('disconnect', () => void stop())
  // It may have gone while the modules were loading; the event is over then.
  if (process.connected === false) process.exit(0)
  // A peer that closes a pipe early is no reason to die.
  process.stdout.on('error', () => {})
  try {
    running = await start()
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(1)
  }
  if (!running) return
  if (stopping) {
    stopping = false
    await stop()
  }
}
