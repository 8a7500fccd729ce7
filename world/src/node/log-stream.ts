import { write, writeSync } from 'node:fs'

/** How long an exiting process tries a pipe that is full: its reader may be slow, or gone for good. */
const EXIT_PATIENCE_MS = 500

/**
 * Where log lines go: written behind, in order, and what is left at the exit is written then. pino's own destination
 * retries for ever, at the exit, when whoever read the pipe is gone; this one forgets the rest.
 */
export class LogStream {
  readonly #fd: number
  readonly #mostWaitingBytes: number
  #waiting: string[] = []
  #waitingBytes = 0
  #writing: Buffer | undefined
  #broken = false

  constructor(fd: number, mostWaitingBytes: number) {
    this.#fd = fd
    this.#mostWaitingBytes = mostWaitingBytes
    process.on('exit', () => this.#finish())
  }

  /** Takes one line. Beyond the most that may wait, the newest are dropped: a log must not be what fills memory. */
  write(line: string): void {
    if (this.#broken || this.#waitingBytes + line.length > this.#mostWaitingBytes) return
    this.#waiting.push(line)
    this.#waitingBytes += line.length
    if (this.#writing === undefined) this.#next()
  }

  #next(): void {
    if (this.#waiting.length === 0) return
    this.#writing = Buffer.from(this.#waiting.join(''))
    this.#waiting = []
    this.#waitingBytes = 0
    this.#writeRest()
  }

  #writeRest(): void {
    write(this.#fd, this.#writing!, 0, this.#writing!.length, null, (error, taken) => {
      if (this.#broken) return
      if (error) {
        if (error.code === 'EAGAIN') setTimeout(() => this.#writeRest(), 100).unref()
        else this.#broken = true
        return
      }
      const left = this.#writing!.subarray(taken)
      this.#writing = left.length > 0 ? left : undefined
      if (this.#writing) this.#writeRest()
      else this.#next()
    })
  }

  #finish(): void {
    if (this.#broken) return
    this.#broken = true
    // A write under way in the thread pool may still happen; its lines twice are better than not at all.
    let left = Buffer.concat([this.#writing ?? Buffer.alloc(0), Buffer.from(this.#waiting.join(''))])
    const until = Date.now() + EXIT_PATIENCE_MS
    while (left.length > 0 && Date.now() < until) {
      try {
        left = left.subarray(writeSync(this.#fd, left))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      }
    }
  }
}
