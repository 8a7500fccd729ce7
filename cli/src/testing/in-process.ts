import { run } from '../cli.ts'
import type { Terminal } from '../command.ts'

/** Runs a command line in this process, on a terminal that remembers: no start of another Node to wait for. */
export async function runHere(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = ''
  let stderr = ''
  const terminal: Terminal = {
    out: text => {
      stdout += text
    },
    err: text => {
      stderr += text
    },
    isScreen: false,
    stop: new AbortController().signal,
  }
  const code = await run(args, terminal)
  return { code, stdout, stderr }
}
