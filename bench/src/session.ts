import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freeBrokerPort, freePort } from '@rocketcluster/e2e'
import {
  BROKER_NAME,
  COMMON_CONF,
  type Conf,
  type Contestant,
  type Heap,
  type Server,
} from './contestants/contestant.ts'
import { firstAcknowledgement } from './first-acknowledgement.ts'
import { runNodeLoad } from './load-process.ts'
import { syncDisks } from './page-cache.ts'
import { tempDirectory } from './temp-directory.ts'

/** What kind of broker a measure needs; measures with equal settings may share one. */
export interface Setting {
  readonly heap: Heap
  readonly conf: Conf
}

const START_TIMEOUT_MS = 300_000
/**
 * Rest after a fill, for both contestants: a sync ends when the (virtual) device has taken everything, and whoever is
 * behind it goes on writing with the same processors. Without it sends were up to 40 % slower after 10 GiB, with it 4 %.
 */
const REST_PER_GIB_MS = 4500
/** Messages of 1 KiB in one GiB. */
const MESSAGES_PER_GIB = 2 ** 20
/** What a stored message of 1 KiB takes on the disk, with its queue entry and two index entries, generously. */
const DISK_BYTES_PER_MESSAGE = 1500
/** Left free beside what is filled in: measures write too, and brokers refuse to on a nearly full disk. */
const DISK_RESERVE_BYTES = 25 * 2 ** 30

/** One contestant with a fresh data directory: its name server and its broker. */
export class Session {
  readonly contestant: Contestant
  /** Spawn to first acknowledged send of the latest start, in milliseconds. */
  startMs = Number.NaN
  readonly #setting: Setting
  readonly #temp: ReturnType<typeof tempDirectory>
  readonly #port: number
  #nameServerAddress = ''
  #nameServer: Server | undefined
  #broker: Server | undefined

  private constructor(contestant: Contestant, setting: Setting, port: number) {
    this.contestant = contestant
    this.#setting = setting
    this.#port = port
    this.#temp = tempDirectory(contestant.name.toLowerCase())
  }

  /** Everything is stopped and deleted when this rejects. */
  static async open(contestant: Contestant, setting: Setting): Promise<Session> {
    const session = new Session(contestant, setting, await freeBrokerPort())
    try {
      const port = await freePort()
      session.#nameServer = await contestant.startNameServer(join(session.#temp.path, 'namesrv'), port)
      session.#nameServerAddress = `127.0.0.1:${port}`
      await mkdir(session.directory)
      await session.start()
      return session
    } catch (error) {
      await session.close()
      throw error
    }
  }

  get directory(): string {
    return join(this.#temp.path, 'broker')
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  get nameServer(): string {
    return this.#nameServerAddress
  }

  /** The broker's process. */
  get pid(): number {
    if (!this.#broker) throw new Error(`${this.contestant.name}'s broker does not run`)
    return this.#broker.pid
  }

  /** Starts the broker and takes the time until a waiting client has its first acknowledgement. */
  async start(): Promise<void> {
    const startedMs = performance.now()
    const starting = this.contestant.startBroker({
      directory: this.directory,
      port: this.#port,
      nameServer: this.#nameServerAddress,
      conf: { ...COMMON_CONF, ...this.#setting.conf },
      heap: this.#setting.heap,
    })
    const abort = new AbortController()
    const acknowledged = firstAcknowledgement(
      { address: this.address, topic: 'BenchFirst', brokerName: BROKER_NAME },
      { timeoutMs: START_TIMEOUT_MS, signal: abort.signal },
    )
    acknowledged.catch(() => {})
    try {
      this.#broker = await starting
    } catch (error) {
      abort.abort()
      throw error
    }
    this.startMs = (await acknowledged) - startedMs
  }

  async stop(): Promise<void> {
    await this.#broker?.stop()
    this.#broker = undefined
  }

  async kill(): Promise<void> {
    await this.#broker?.kill()
    this.#broker = undefined
  }

  /**
   * Writes messages of 1 KiB. In batches it is faster, each message still being a record, a queue entry and two index
   * entries like any other; one by one, neighbours in a queue do not lie side by side in the log, as in real life.
   */
  async write(topic: string, messages: number, how: 'batches' | 'singly'): Promise<void> {
    const shape = how === 'batches' ? ['--batch', '32', '--in-flight', '16'] : ['--in-flight', '512']
    const args = [...this.#target(topic), ...shape, '--queues', '8', '--count', String(messages)]
    await runNodeLoad('send-load.ts', args, {
      broker: undefined,
      // The slowest disk that is worth a benchmark.
      timeoutMs: 60_000 + messages / 5,
    })
  }

  /** Stores so many GiB of messages in a topic of their own. Throws before writing when the disk has no room for it. */
  async fill(gib: number): Promise<void> {
    const messages = gib * MESSAGES_PER_GIB
    const { bavail, bsize } = await statfs(this.directory)
    const needed = messages * DISK_BYTES_PER_MESSAGE + DISK_RESERVE_BYTES
    if (bavail * bsize < needed)
      throw new Error(
        `${gib} GiB stored need ${Math.ceil(needed / 2 ** 30)} GiB of free disk, there are ${Math.floor((bavail * bsize) / 2 ** 30)}`,
      )
    if (messages > 0) await this.write('BenchFiller', messages, 'batches')
    await this.settle(gib)
  }

  /** Waits until `gib` GiB that were written a moment ago disturb nobody any more. */
  async settle(gib: number): Promise<void> {
    await syncDisks()
    await sleep(gib * REST_PER_GIB_MS)
  }

  /** A generator in a process of its own, aimed at this broker. */
  load(script: string, topic: string, args: readonly string[], timeoutMs: number) {
    return runNodeLoad(script, [...this.#target(topic), ...args], { broker: this.pid, timeoutMs })
  }

  #target(topic: string): string[] {
    return ['--address', this.address, '--broker', BROKER_NAME, '--topic', topic]
  }

  /** Ends the processes and deletes the data. */
  async close(): Promise<void> {
    // A profile is written by a process that may end by itself.
    if (process.env.BENCH_BROKER_FLAGS) await this.stop()
    await this.kill()
    await this.#nameServer?.kill()
    await this.#temp.remove()
  }
}
