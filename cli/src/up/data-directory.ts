import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DiskError, type DiskLock } from '@rocketcluster/world'
import { nodeDisk } from '@rocketcluster/world/node'
import { CommandError } from '../command.ts'
import type { PortPlan } from './ports.ts'

/** What one process of a running cluster is, as scripts are told. */
export interface RunningProcess {
  readonly kind: 'nameserver' | 'controller' | 'broker'
  readonly name: string
  /** null for all but brokers. */
  readonly brokerName: string | null
  readonly brokerId: number | null
  /** `host:port` for clients. */
  readonly address: string
  /** `host:port` where clients find the master of its group, whoever it is; null for a broker that is alone. */
  readonly groupAddress: string | null
  /** URL of its metrics; /readyz and /livez are beside it. */
  readonly metrics: string
  readonly pid: number | null
  /** Where it keeps what it stores; of a broker, the storePathRootDir. */
  readonly dataDir: string
}

/** A running cluster: the line that `up --output json` prints, and the file that the other commands find it by. */
export interface RunningCluster {
  readonly cluster: string
  readonly nameServers: readonly string[]
  readonly processes: readonly RunningProcess[]
}

/** What stays between two runs. */
interface Memory {
  readonly cluster: string
  readonly ports: PortPlan
}

const LOCK = 'lock'
const MEMORY = 'cluster.json'
const RUNNING = 'running.json'

/** Where `up` keeps clusters when it is not told otherwise: one directory per cluster. */
export const DEFAULT_DATA_ROOT = '.rocketcluster'

/**
 * The directory of one local cluster: a directory per process, `conf/`, `logs/`, and three small files. Its lock belongs
 * to the kernel: it is free again the moment the process that held it is gone.
 */
export class DataDirectory {
  readonly path: string
  readonly #lock: DiskLock

  private constructor(path: string, lock: DiskLock) {
    this.path = path
    this.#lock = lock
  }

  /** Takes the directory for one cluster, and makes it when it is not there. Throws CommandError. */
  static async take(path: string, cluster: string): Promise<DataDirectory> {
    try {
      for (const part of ['conf', 'logs']) mkdirSync(join(path, part), { recursive: true })
    } catch (error) {
      throw new CommandError(`the data directory ${path} cannot be made: ${(error as Error).message}`)
    }
    const directory = new DataDirectory(path, await lock(path))
    const known = directory.#read<Memory>(MEMORY)
    if (known && known.cluster !== cluster) {
      await directory.release()
      throw new CommandError(
        `the data directory ${path} holds the cluster ${known.cluster} and the manifest is about ${cluster}; give it a directory of its own with --data`,
      )
    }
    return directory
  }

  /** The last run was killed: its processes may still be about to stop. */
  get endedAbruptly(): boolean {
    return existsSync(join(this.path, RUNNING))
  }

  /** Names of those whose store is still locked by a process of the last run. */
  async stillInUse(names: readonly string[]): Promise<string[]> {
    const states = await Promise.all(
      names.map(async name => ({ name, inUse: await isLocked(join(this.path, name, LOCK)) })),
    )
    return states.filter(({ inUse }) => inUse).map(({ name }) => name)
  }

  /** The ports of the last run. */
  get lastPorts(): PortPlan | undefined {
    return this.#read<Memory>(MEMORY)?.ports
  }

  remember(cluster: string, ports: PortPlan): void {
    this.#write(MEMORY, { cluster, ports } satisfies Memory)
  }

  /** Says to the other commands that the cluster runs, and where. */
  announce(running: RunningCluster): void {
    this.#write(RUNNING, running)
  }

  /** The directory that a process keeps its data in; made when missing. */
  processDirectory(name: string): string {
    const path = join(this.path, name)
    mkdirSync(path, { recursive: true })
    return path
  }

  logFile(name: string): string {
    return join(this.path, 'logs', `${name}.log`)
  }

  writeConf(name: string, text: string): string {
    const path = join(this.path, 'conf', `${name}.conf`)
    writeFileSync(path, text)
    return path
  }

  async release(): Promise<void> {
    rmSync(join(this.path, RUNNING), { force: true })
    await this.#lock.release()
  }

  #read<T>(name: string): T | undefined {
    return readJson<T>(join(this.path, name))
  }

  #write(name: string, value: object): void {
    const path = join(this.path, name)
    writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`)
    renameSync(`${path}.new`, path)
  }
}

async function lock(path: string): Promise<DiskLock> {
  try {
    return await nodeDisk.lock(join(path, LOCK))
  } catch (error) {
    if (error instanceof DiskError && error.code === 'LOCKED') {
      throw new CommandError(
        `the data directory ${path} is in use by another "rocketcluster up"; stop that one first, or give another directory with --data`,
      )
    }
    throw new CommandError(`the data directory ${path} cannot be locked: ${(error as Error).message}`)
  }
}

/**
 * The cluster that runs in a data directory, or undefined. A process that was killed leaves its file behind, so the lock
 * is asked too: it is held exactly as long as the cluster runs.
 */
export async function runningIn(path: string): Promise<RunningCluster | undefined> {
  const running = readJson<RunningCluster>(join(path, RUNNING))
  return running && (await isLocked(join(path, LOCK))) ? running : undefined
}

async function isLocked(path: string): Promise<boolean> {
  if (!existsSync(path)) return false
  try {
    const probe = await nodeDisk.lock(path)
    await probe.release()
    return false
  } catch (error) {
    if (error instanceof DiskError && error.code === 'LOCKED') return true
    throw error
  }
}

/** A file that is missing or was cut short tells nothing. */
function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T
  } catch {
    return undefined
  }
}
