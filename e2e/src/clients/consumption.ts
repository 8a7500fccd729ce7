/** `Consumption.java` at work: ways of consuming with the official Java client. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Installation, installApache } from '../apache/index.ts'
import { type Child, startChild, tail } from '../runner/children.ts'
import type { Scope } from '../runner/suite.ts'
import type { Options } from './client.ts'
import { javaCommand } from './java.ts'

export type Task = 'send' | 'consume' | 'consume-orderly' | 'ask' | 'reply'

export class Program {
  readonly child: Child

  constructor(child: Child) {
    this.child = child
  }

  /** The words behind `word` of each line that begins with it. */
  all(word: string): string[][] {
    return this.child.lines.filter(line => line.split(' ', 1)[0] === word).map(line => line.split(' ').slice(1))
  }

  /** Resolves when `enough` says so; rejects with what was printed last when it takes too long or the program ends. */
  async until(what: string, enough: () => boolean, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!enough()) {
      const why = this.child.end ? 'the program ended' : performance.now() > deadline ? `${timeoutMs} ms passed` : ''
      if (why)
        throw new Error(
          `${why} before ${what}: ${this.child.lines.slice(-8).join(' | ')} ${tail(this.child.logFile, 8)}`,
        )
      await sleep(50)
    }
  }

  /** Asks a consumer to leave as an application does, and waits for its end. */
  async leave(): Promise<void> {
    this.child.write('\n')
    await this.finished()
  }

  async finished(): Promise<this> {
    const { code, signal } = await this.child.ended
    if (code !== 0)
      throw new Error(`the program ended with ${code ?? signal}: ${this.child.lines.slice(-8).join(' | ')}`)
    return this
  }
}

/** Starts it; it is gone at the scope's end. `installation` is the client's version, 5.5.0 unless said. */
export async function startConsumption(
  scope: Scope,
  task: Task,
  options: Options,
  installation?: Installation,
): Promise<Program> {
  const { command, args } = await javaCommand('Consumption', installation ?? (await installApache()))
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = startChild({ name: `java-${task}`, command, args: [...args, task, ...flags] })
  scope.defer(() => child.kill())
  return new Program(child)
}
