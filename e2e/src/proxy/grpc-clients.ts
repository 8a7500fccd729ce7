/** Apache's 5.x clients, which speak gRPC with a proxy and never see a broker. */
import { execFile } from 'node:child_process'
import { cp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compileJava, installArtifacts } from '../apache/index.ts'
import type { Command } from '../clients/client.ts'
import { javaFlags } from '../clients/java.ts'
import { cached } from '../clients/other.ts'
import { type Child, startChild } from '../runner/children.ts'
import type { Scope } from '../runner/suite.ts'

const execute = promisify(execFile)
const source = (path: string) => fileURLToPath(new URL(`./${path}`, import.meta.url))

const JAVA_VERSION = '5.0.8'
const NODE_CLIENT = 'rocketmq-client-nodejs@1.0.8'

export interface GrpcClient {
  readonly name: string
  prepare(): Promise<Command>
}

export const grpcJava: GrpcClient = {
  name: `rocketmq-client-java ${JAVA_VERSION}`,
  async prepare() {
    const artifact = `org.apache.rocketmq:rocketmq-client-java:${JAVA_VERSION}`
    const installation = await installArtifacts(`rocketmq-client-java-${JAVA_VERSION}`, JAVA_VERSION, [artifact])
    const classPath = await compileJava(source('java/GrpcClient.java'), installation)
    return { command: 'java', args: [...javaFlags(), '-cp', classPath, 'GrpcClient'] }
  },
}

export const grpcNode: GrpcClient = {
  name: NODE_CLIENT.replace('@', ' '),
  async prepare() {
    const program = await readFile(source('node/grpc-client.cjs'))
    const directory = await cached('grpc-node', [NODE_CLIENT, program], async building => {
      // Its checksums come as a library that a package of its own brings for each platform.
      await execute('npm', ['install', '--prefix', building, '--no-audit', '--no-fund', NODE_CLIENT], {
        timeout: 180_000,
        cwd: building,
      })
      await cp(source('node/grpc-client.cjs'), join(building, 'grpc-client.cjs'))
    })
    return { command: process.execPath, args: [join(directory, 'grpc-client.cjs')] }
  },
}

/** One line of a client: what happened in a scenario, and when (ms since 1970). */
export interface Event {
  readonly word: string
  readonly at: number
  /** The key=value pairs; an absent one reads as ''. */
  get(name: string): string
}

/** A client program with all its scenarios at work. */
export class Scenarios {
  readonly child: Child

  private constructor(child: Child) {
    this.child = child
  }

  static async start(
    scope: Scope,
    client: GrpcClient,
    options: { endpoints: string; run: string; scenarios: readonly string[] },
  ): Promise<Scenarios> {
    const { command, args } = await client.prepare()
    const { endpoints, run, scenarios } = options
    const child = startChild({
      name: client.name.replace(/\W+/g, '-'),
      command,
      args: [...args, '--endpoints', endpoints, '--run', run, '--scenarios', scenarios.join()],
      env: { HOME: tmpdir() },
    })
    scope.defer(() => child.kill())
    return new Scenarios(child)
  }

  /** What has happened so far, in order. */
  events(scenario: string): Event[] {
    return this.child.lines
      .filter(line => line.startsWith(`${scenario} `))
      .map(line => {
        const [, word, ...pairs] = line.split(' ')
        const values = new Map(
          pairs.map(pair => {
            const equals = pair.indexOf('=')
            return [pair.slice(0, equals), pair.slice(equals + 1)] as const
          }),
        )
        return { word: word!, at: Number(values.get('at')), get: name => values.get(name) ?? '' }
      })
  }

  /** Resolves with all events of a scenario at its end; rejects when it failed, with what had happened. */
  async finished(scenario: string, timeoutMs: number): Promise<Event[]> {
    const ended = () => this.events(scenario).find(({ word }) => word === 'done' || word === 'failed')
    await new Promise<void>((resolve, reject) => {
      if (ended()) return resolve()
      const soFar = () => this.child.lines.filter(line => line.startsWith(`${scenario} `)).join('\n')
      const timer = setTimeout(
        () => reject(new Error(`${scenario} is not done after ${timeoutMs} ms:\n${soFar()}`)),
        timeoutMs,
      )
      this.child.onLine(() => {
        if (!ended()) return
        clearTimeout(timer)
        resolve()
      })
      void this.child.ended.then(({ code, signal }) => {
        clearTimeout(timer)
        if (ended()) resolve()
        else reject(new Error(`the client ended with ${code ?? signal} in the middle of ${scenario}:\n${soFar()}`))
      })
    })
    const failed = ended()!
    if (failed.word === 'failed') throw new Error(`${scenario} failed: ${failed.get('error')}`)
    return this.events(scenario)
  }
}
