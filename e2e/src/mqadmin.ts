import { installApache } from './apache/index.ts'
import { javaCommand } from './clients/java.ts'
import { type Child, startChild, tail } from './runner/children.ts'
import type { Scope } from './runner/suite.ts'

/** Apache's mqadmin 5.5.0, kept running: a Java process for each command would be most of the time of a test. */
export class MqAdmin {
  readonly #child: Child
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(child: Child) {
    this.#child = child
  }

  static async start(scope: Scope): Promise<MqAdmin> {
    const { command, args } = await javaCommand('Tools', await installApache())
    const child = startChild({ name: 'mqadmin', command, args })
    scope.defer(() => child.kill())
    return new MqAdmin(child)
  }

  /** What the command printed, errors too. One at a time. */
  run(...args: readonly string[]): Promise<string> {
    const result = this.#turn.then(() => this.#run(args))
    this.#turn = result.catch(() => {})
    return result
  }

  async #run(args: readonly string[]): Promise<string> {
    const before = this.#child.lines.length
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`mqadmin ${args.join(' ')} was not done after 30 s`)), 30_000)
      const look = () => {
        if (this.#child.lines.length <= before) return
        clearTimeout(timer)
        resolve(Buffer.from(this.#child.lines[before]!, 'base64').toString('utf8'))
      }
      this.#child.onLine(look)
      void this.#child.ended.then(({ code }) => {
        clearTimeout(timer)
        reject(new Error(`mqadmin ended with ${code} at ${args.join(' ')}: ${tail(this.#child.logFile)}`))
      })
      this.#child.write(`${args.join('\t')}\n`)
    })
  }
}

/** mqadmin exits with 0 and prints a stack trace when something went wrong. */
export function failure(output: string): string | undefined {
  const line = output.split('\n').find(text => /Exception|^\s*CODE: /.test(text))
  return line === undefined ? undefined : line.trim().slice(0, 300)
}

/** Rows of a table as mqadmin prints it: cells by two blanks or more, without the line of headings. */
export function rows(output: string): string[][] {
  return output
    .split('\n')
    .filter(line => line.trim() !== '' && !line.startsWith('#'))
    .map(line => line.trim().split(/\s{2,}|\t/))
}
