import { pino } from 'pino'
import type { Log } from '../log.ts'
import { LogStream } from './log-stream.ts'

export interface NodeLogOptions {
  /** The lowest level that is written; `info` when absent. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Stands in every line as `name`. */
  readonly name?: string
  /** File descriptor; 2 (stderr) when absent, so that stdout stays the program's answer. */
  readonly fd?: number
}

/** Lines wait in memory when nobody reads the pipe. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024

/** A log of JSON lines. It is written behind, and flushed when the process exits by itself. */
export function nodeLog(options: NodeLogOptions = {}): Log {
  const destination = new LogStream(options.fd ?? 2, MOST_WAITING_BYTES)
  return pino(
    {
      level: options.level ?? 'info',
      name: options.name,
      base: options.name === undefined ? null : undefined,
      // Errors are logged under either name; plain JSON would print both as {}.
      serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err },
    },
    destination,
  )
}
