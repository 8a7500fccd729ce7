import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A command line that runs: what it has printed so far, and how it ends. */
export class CommandLine {
  readonly process: ChildProcess
  readonly finished: Promise<Finished>
  stdout = ''
  stderr = ''

  constructor(args: readonly string[], { cwd, input }: { cwd?: string; input?: string } = {}) {
    this.process = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: 'pipe' })
    this.process.stdout!.setEncoding('utf8').on('data', text => (this.stdout += text))
    this.process.stderr!.setEncoding('utf8').on('data', text => (this.stderr += text))
    this.process.stdin!.on('error', () => {})
    this.process.stdin!.end(input ?? '')
    this.finished = new Promise(resolve =>
      this.process.once('close', (code, signal) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })),
    )
  }

  /** Resolves to the first line of standard output; rejects with all output when the process ends before. */
  async firstLine(): Promise<string> {
    let over = false
    void this.finished.then(() => {
      over = true
    })
    for (;;) {
      const end = this.stdout.indexOf('\n')
      if (end >= 0) return this.stdout.slice(0, end)
      if (over) throw new Error(`it ended without a line on standard output: ${this.stderr}`)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }
}

/** A command that ought to end by itself and does not is killed, so that the test fails and leaves nothing running. */
const PATIENCE_MS = 20_000

/** Runs a command line to its end. */
export async function runToEnd(args: readonly string[], options?: { cwd?: string; input?: string }): Promise<Finished> {
  const command = new CommandLine(args, options)
  const timer = setTimeout(() => command.process.kill('SIGTERM'), PATIENCE_MS)
  try {
    return await command.finished
  } finally {
    clearTimeout(timer)
  }
}
