import { join } from 'node:path'
import { type ApacheProcess, freeBrokerPort, freePort, startBroker, startNameServer } from './apache/index.ts'
import { type Conf, newDirectory, type Server } from './rocketcluster.ts'
import type { Scope } from './runner/suite.ts'

/** Small enough that three of them fit beside ours on a small machine. */
const HEAP = { min: '256m', max: '512m' }
/** Apache maps whole files and writes them ahead (warmed up): a gigabyte each would be the slowest part of a test. */
const SMALL_STORE = {
  mappedFileSizeCommitLog: 64 << 20,
  mappedFileSizeConsumeQueue: 60_000,
  maxIndexNum: 200_000,
  maxHashSlotNum: 50_000,
}

/** Apache's broker or name server with the methods that ours have. */
class ApacheServer implements Server {
  readonly port: number
  readonly dataDir: string
  readonly #start: () => Promise<ApacheProcess>
  #process: ApacheProcess | undefined

  constructor(port: number, dataDir: string, start: () => Promise<ApacheProcess>) {
    this.port = port
    this.dataDir = dataDir
    this.#start = start
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }
  get #running(): ApacheProcess {
    if (!this.#process) throw new Error('the Apache process is not started')
    return this.#process
  }
  get pid(): number {
    return this.#running.pid
  }
  get logFile(): string {
    return this.#running.logFile
  }
  async start(): Promise<void> {
    this.#process = await this.#start()
  }
  async stop(): Promise<void> {
    await this.#process?.stop()
  }
  async kill(): Promise<void> {
    await this.#process?.kill()
  }
}

export async function startApacheNameServer(scope: Scope): Promise<Server> {
  const [port, dataDir] = [await freePort(), await newDirectory('apache-namesrv')]
  const server = new ApacheServer(port, dataDir, () =>
    startNameServer({ port, dataDir, heap: { min: '128m', max: '256m' } }),
  )
  scope.defer(() => server.kill())
  await server.start()
  return server
}

export async function startApacheBroker(
  scope: Scope,
  options: { nameServers: readonly string[]; dataDir?: string; conf?: Conf; port?: number },
): Promise<Server> {
  const server = await apacheBroker(scope, options)
  await server.start()
  return server
}

/** Configured and not started. */
export async function apacheBroker(
  scope: Scope,
  { nameServers, ...options }: { nameServers: readonly string[]; dataDir?: string; conf?: Conf; port?: number },
): Promise<Server> {
  const dataDir = options.dataDir ?? (await newDirectory('apache-broker'))
  const port = options.port ?? (await freeBrokerPort())
  const conf = {
    ...SMALL_STORE,
    storePathRootDir: join(dataDir, 'store'),
    storePathCommitLog: join(dataDir, 'store', 'commitlog'),
    ...options.conf,
  }
  const server = new ApacheServer(port, dataDir, () => startBroker({ nameServers, port, dataDir, conf, heap: HEAP }))
  scope.defer(() => server.kill())
  return server
}
