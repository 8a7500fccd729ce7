import type { ChildProcess } from 'node:child_process'

const running = new Set<ChildProcess>()

/** Remembers a child until it exits, so that none outlives the bench. Resolves with its exit code, never rejects. */
export function own(child: ChildProcess): Promise<number | null> {
  running.add(child)
  return new Promise(resolve => {
    const gone = (code: number | null) => {
      running.delete(child)
      resolve(code)
    }
    child.once('exit', gone)
    child.once('error', () => gone(null))
  })
}

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
