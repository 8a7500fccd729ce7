import { tmpdir } from 'node:os'
import { type Child, startChild } from '../runner/children.ts'

/** How to start one client program; what follows are `send|pull|push` and the options of `RocketClient.java`. */
export interface Command {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Things that not every client can do; each suite names what it leaves out and why. */
export type Ability = 'async' | 'oneway' | 'batch' | 'pull' | 'newTopics'

export interface Client {
  readonly name: string
  /** Fetches and builds what is needed, into the cache. Throws MissingError, whose sentence is printed, when this machine cannot. */
  prepare(): Promise<Command>
  /** What it cannot do, with the reason. `newTopics`: send to a topic that nobody has made. */
  readonly lacks: Readonly<Partial<Record<Ability, string>>>
}

export interface Sent {
  readonly n: number
  readonly msgId: string
  /** Where the broker said it has put the message; unknown for clients that do not tell. */
  readonly offsetMsgId: string | undefined
  readonly queueId: number | undefined
  readonly queueOffset: number | undefined
}

export interface Received {
  readonly n: number
  readonly queueId: number
  readonly queueOffset: number
  readonly tags: string
  readonly property: string
}

export type Options = Readonly<Record<string, string | number>>

/** A client program at work. */
export class Running {
  readonly child: Child
  readonly #name: string
  readonly #what: string

  constructor(name: string, what: string, child: Child) {
    this.#name = name
    this.#what = what
    this.child = child
  }

  get sent(): Sent[] {
    return this.#lines('sent').map(([n, msgId, offsetMsgId, queueId, queueOffset]) => ({
      n: Number(n),
      msgId: msgId ?? '',
      offsetMsgId,
      queueId: queueId === undefined ? undefined : Number(queueId),
      queueOffset: queueOffset === undefined ? undefined : Number(queueOffset),
    }))
  }

  get received(): Received[] {
    return this.#lines('received').map(([n, queueId, queueOffset, tags, property]) => ({
      n: Number(n),
      queueId: Number(queueId),
      queueOffset: Number(queueOffset),
      tags: tags!,
      property: property!,
    }))
  }

  get failures(): string[] {
    return this.child.lines.filter(line => line.startsWith('failed ') || line.startsWith('status '))
  }

  #lines(word: string): string[][] {
    return this.child.lines
      .filter(line => line.startsWith(`${word} `))
      .map(line => line.slice(word.length + 1).split(' '))
  }

  /** Resolves at its end; rejects when it failed. */
  async finished(): Promise<this> {
    const { code, signal } = await this.child.ended
    if (code === 0) return this
    const output = this.child.lines.slice(-10).join('\n')
    throw new Error(`${this.#name} ${this.#what} ended with ${code ?? signal}: ${output}`)
  }

  /** Resolves when so many lines of a kind have come; rejects when the program ends before, or after `timeoutMs`. */
  async until(word: 'sent' | 'received' | 'started', count: number, timeoutMs = 30_000): Promise<void> {
    const prefix = new RegExp(`^${word}( |$)`)
    const enough = () => this.child.lines.filter(line => prefix.test(line)).length >= count
    if (enough()) return
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) =>
        reject(
          new Error(
            `${this.#name} ${this.#what} ${why} before ${count} × ${word}; it printed ${this.child.lines.slice(-5).join('\n')}`,
          ),
        )
      const timer = setTimeout(() => fail(`took more than ${timeoutMs} ms`), timeoutMs)
      this.child.onLine(() => {
        if (!enough()) return
        clearTimeout(timer)
        resolve()
      })
      void this.child.ended.then(() => {
        clearTimeout(timer)
        if (enough()) resolve()
        else fail('ended')
      })
    })
  }
}

/** Starts `send`, `pull` or `push`. Its process belongs to the run and is gone at its end. */
export async function run(client: Client, what: 'send' | 'pull' | 'push', options: Options): Promise<Running> {
  const { command, args, env } = await client.prepare()
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = startChild({
    name: `${client.name.replace(/\W+/g, '-')}-${what}`,
    command,
    args: [...args, what, ...flags],
    // Some clients write their logs into the home directory.
    env: { HOME: tmpdir(), ...env },
  })
  return new Running(client.name, what, child)
}

/** The same, to its end. */
export async function runToEnd(client: Client, what: 'send' | 'pull' | 'push', options: Options): Promise<Running> {
  return (await run(client, what, options)).finished()
}
