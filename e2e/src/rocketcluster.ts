/** Our name servers, brokers and whole clusters as a user runs them: real processes, killed, stopped and started again at will. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freeBrokerPort, freePort } from './apache/ports.ts'
import { type Child, startChild, tail } from './runner/children.ts'
import type { Scope } from './runner/suite.ts'

export const program = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

export type Conf = Readonly<Record<string, string | number | boolean>>

/** A broker or name server of either make: what the suites do to it. */
export interface Server {
  readonly address: string
  readonly port: number
  /** Configuration and store lie below it; they outlive the process. */
  readonly dataDir: string
  readonly pid: number
  readonly logFile: string
  /** As a service manager stops it; rejects when it does not go by itself. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts it again on the same port and directory, and waits until it serves. */
  start(): Promise<void>
}

export interface OwnServer extends Server {
  /** `http://host:port` of /metrics, /readyz and /livez. */
  readonly http: string
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
  /** Changes the configuration that the next `start` uses. */
  configure(conf: Conf): Promise<void>
  readonly child: Child
}

export interface OwnOptions {
  readonly dataDir?: string
  readonly port?: number
  readonly conf?: Conf
  readonly readyTimeoutMs?: number
}

const print = (conf: Conf) =>
  Object.entries(conf)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')

export const newDirectory = (name: string) => mkdtemp(join(tmpdir(), `${name}-`))

class Process implements OwnServer {
  readonly port: number
  readonly dataDir: string
  readonly http: string
  readonly #kind: 'nameserver' | 'broker' | 'controller'
  readonly #readyTimeoutMs: number
  #conf: Conf
  #child: Child | undefined

  constructor(kind: 'nameserver' | 'broker' | 'controller', dataDir: string, conf: Conf, readyTimeoutMs: number) {
    this.#kind = kind
    this.dataDir = dataDir
    this.#conf = conf
    this.port = Number(conf.listenPort)
    this.http = `http://127.0.0.1:${conf.metricsPromExporterPort}`
    this.#readyTimeoutMs = readyTimeoutMs
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }
  get child(): Child {
    if (!this.#child) throw new Error(`${this.#kind} is not started`)
    return this.#child
  }
  get pid(): number {
    return this.child.pid
  }
  get logFile(): string {
    return this.child.logFile
  }

  async configure(conf: Conf): Promise<void> {
    this.#conf = { ...this.#conf, ...conf }
    await writeFile(this.#confFile, print(this.#conf))
  }

  get #confFile(): string {
    return join(this.dataDir, `${this.#kind}.conf`)
  }

  async start(): Promise<void> {
    await this.configure({})
    const child = startChild({
      name: this.#kind,
      command: process.execPath,
      args: [program(`${this.#kind}/src/main.ts`), '-c', this.#confFile],
      cwd: this.dataDir,
    })
    this.#child = child
    const deadline = performance.now() + this.#readyTimeoutMs
    for (;;) {
      if (child.end)
        throw new Error(`${this.#kind} ended with ${child.end.code ?? child.end.signal}: ${tail(child.logFile)}`)
      const answer = await fetch(`${this.http}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
      if (answer?.status === 200) return
      if (performance.now() > deadline) {
        const why = (await answer?.text()) ?? 'no answer'
        await child.kill()
        throw new Error(`${this.#kind} is not ready after ${this.#readyTimeoutMs} ms (${why}): ${tail(child.logFile)}`)
      }
      await sleep(20)
    }
  }

  async stop(): Promise<void> {
    const { child } = this
    if (child.end) return
    child.signal('SIGTERM')
    const late = new AbortController()
    const end = await Promise.race([child.ended, sleep(15_000, undefined, { signal: late.signal })])
    late.abort()
    if (!end) {
      await child.kill()
      throw new Error(`${this.#kind} did not stop within 15 s of SIGTERM: ${tail(child.logFile)}`)
    }
    if (end.code !== 0) throw new Error(`${this.#kind} stopped with ${end.code ?? end.signal}: ${tail(child.logFile)}`)
  }

  kill(): Promise<void> {
    return this.child.kill()
  }
  pause(): void {
    this.child.signal('SIGSTOP')
  }
  resume(): void {
    this.child.signal('SIGCONT')
  }
}

export async function startOwnNameServer(scope: Scope, options: OwnOptions = {}): Promise<OwnServer> {
  const dataDir = options.dataDir ?? (await newDirectory('namesrv'))
  await mkdir(dataDir, { recursive: true })
  const conf = {
    listenPort: options.port ?? (await freePort()),
    bindAddress: '127.0.0.1',
    metricsPromExporterPort: await freePort(),
    metricsPromExporterHost: '127.0.0.1',
    kvConfigPath: join(dataDir, 'kvConfig.json'),
    configStorePath: join(dataDir, 'namesrv.properties'),
    ...options.conf,
  }
  return started(scope, new Process('nameserver', dataDir, conf, options.readyTimeoutMs ?? 15_000))
}

/** A controller with its records below `dataDir`. Two that are given the same directory of records work together. */
export async function startOwnController(scope: Scope, options: OwnOptions = {}): Promise<OwnServer> {
  const dataDir = options.dataDir ?? (await newDirectory('controller'))
  await mkdir(dataDir, { recursive: true })
  const conf = {
    listenPort: options.port ?? (await freePort()),
    bindAddress: '127.0.0.1',
    metricsPromExporterPort: await freePort(),
    metricsPromExporterHost: '127.0.0.1',
    controllerStorePath: join(dataDir, 'records'),
    ...options.conf,
  }
  return started(scope, new Process('controller', dataDir, conf, options.readyTimeoutMs ?? 15_000))
}

export async function startOwnBroker(
  scope: Scope,
  { nameServers, ...options }: OwnOptions & { readonly nameServers: readonly string[] },
): Promise<OwnServer> {
  const process = await ownBroker({ nameServers, ...options })
  return started(scope, process)
}

/** A broker that is configured and not started: for starts that are meant to fail. */
export async function ownBroker({
  nameServers,
  ...options
}: OwnOptions & { readonly nameServers: readonly string[] }): Promise<OwnServer> {
  const dataDir = options.dataDir ?? (await newDirectory('broker'))
  await mkdir(dataDir, { recursive: true })
  const port = options.port ?? (await freeBrokerPort())
  const conf = {
    brokerClusterName: 'DefaultCluster',
    brokerName: 'broker-a',
    brokerId: 0,
    brokerIP1: '127.0.0.1',
    listenPort: port,
    haListenPort: port + 1,
    namesrvAddr: nameServers.join(';'),
    metricsPromExporterPort: await freePort(),
    metricsPromExporterHost: '127.0.0.1',
    storePathRootDir: join(dataDir, 'store'),
    storePathCommitLog: join(dataDir, 'store', 'commitlog'),
    ...options.conf,
  }
  return new Process('broker', dataDir, conf, options.readyTimeoutMs ?? 20_000)
}

async function started(scope: Scope, server: OwnServer): Promise<OwnServer> {
  scope.defer(() => server.child.kill())
  await server.start()
  return server
}

export interface UpReport {
  readonly cluster: string
  readonly nameServers: readonly string[]
  readonly processes: readonly {
    readonly kind: string
    readonly name: string
    readonly brokerName: string | null
    readonly brokerId: number | null
    readonly address: string
    readonly metrics: string
    readonly pid: number
    readonly dataDir: string
  }[]
}

export interface Up {
  readonly child: Child
  readonly report: UpReport
}

export const upArguments = (manifest: string, directory: string, ...more: string[]) => [
  program('cli/src/main.ts'),
  'up',
  '-f',
  manifest,
  '--data',
  directory,
  '--output',
  'json',
  ...more,
]

/** `rocketcluster up -f MANIFEST --data DIR --output json`, until its one line. */
export async function startUp(scope: Scope, manifest: string, directory: string, ...more: string[]): Promise<Up> {
  const child = startChild({ name: 'up', command: process.execPath, args: upArguments(manifest, directory, ...more) })
  scope.defer(() => child.stop())
  const deadline = performance.now() + 60_000
  while (child.lines.length === 0) {
    if (child.end) throw new Error(`rocketcluster up ended with ${child.end.code}: ${tail(child.logFile)}`)
    if (performance.now() > deadline)
      throw new Error(`rocketcluster up printed nothing in 60 s: ${tail(child.logFile)}`)
    await sleep(20)
  }
  return { child, report: JSON.parse(child.lines[0]!) }
}
