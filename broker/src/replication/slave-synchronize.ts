import {
  brokerRequests,
  delayOffset,
  type HeaderOf,
  messageRequestModeSerializeWrapper,
  printVersion,
  type ReplyOf,
  type Requests,
} from '@rocketcluster/protocol'
import type { RemotingClient } from '@rocketcluster/remoting'
import { replaceFile, type World } from '@rocketcluster/world'
import type { MessageRequestModes } from '../messaging/pop/message-request-modes.ts'
import { forgetTimers } from '../messaging/timer/forget-timers.ts'
import type { ConsumerOffsets } from '../metadata/consumer-offsets.ts'
import type { SubscriptionGroups } from '../metadata/subscription-groups.ts'
import { isSystemTopic } from '../metadata/system-topics.ts'
import type { Topics } from '../metadata/topics.ts'
import { makeDurableDirectory } from '../store/make-directory.ts'
import type { ReplicatedLog } from './replicated-log.ts'

/** Apache asks once a minute (BrokerController.java); a promoted replica would deliver that minute again. */
const PERIOD_MS = 1000
const TIMEOUT_MS = 3000
const TIMER_CHECKPOINT = 'timercheck'

export interface SlaveSynchronizeParts {
  readonly world: World
  readonly client: RemotingClient
  /** Where the master answers requests, `ip:port`; undefined while nobody knows. */
  readonly masterAddress: () => string | undefined
  readonly log: ReplicatedLog
  readonly topics: Topics
  readonly groups: SubscriptionGroups
  readonly offsets: ConsumerOffsets
  readonly requestModes: MessageRequestModes
  /** The master has deleted it: its queues go. */
  readonly forgetTopic: (topic: string) => Promise<void>
  /** `<storePathRootDir>/config` */
  readonly directory: string
  readonly config: { readonly storePathRootDir: string }
}

/** Progress that speaks of messages which this replica may not have yet. */
interface Progress {
  /** Where the master's log ended when it had said it. */
  readonly end: number
  readonly files: readonly { readonly name: string; readonly content: Uint8Array }[]
}

/**
 * What a replica has to know of its master beside the log (SlaveSynchronize.java): topics, groups, offsets, request modes, and how
 * far delay levels and timers are. The last two are put down only when this log has what the master's had when it said so: else a
 * promoted replica would take for delivered what it does not have.
 */
export class SlaveSynchronize {
  readonly #parts: SlaveSynchronizeParts
  #stopped = true
  #running: Promise<void> = Promise.resolve()
  #sleep = new AbortController()
  #progress: Progress | undefined
  #written: Buffer | undefined
  #failing = false
  /** Who waits for a round that begins after it has asked. */
  readonly #asked: ((arrived: boolean) => void)[] = []
  /** Monotonic time at which everything was last in step with the master; undefined before. */
  syncedMs: number | undefined

  constructor(parts: SlaveSynchronizeParts) {
    this.#parts = parts
  }

  start(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#sleep = new AbortController()
    this.#running = this.#run()
  }

  /** Resolves when nothing is written any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#sleep.abort()
    await this.#running
  }

  /** Takes everything over that the master knows now. Resolves when it is on the disk; rejects when the master does not say it. */
  async now(): Promise<void> {
    const done = new Promise<boolean>(resolve => this.#asked.push(resolve))
    this.#sleep.abort()
    if (!(await done)) throw new Error('what the master knows does not arrive')
    await this.#parts.offsets.flush()
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts.world
    while (!this.#stopped) {
      const asked = this.#asked.splice(0)
      const arrived = await this.#round()
      for (const resolve of asked) resolve(arrived)
      if (this.#asked.length > 0 || this.#stopped) continue
      this.#sleep = new AbortController()
      await clock.sleep(PERIOD_MS, this.#sleep.signal).catch(() => {})
    }
    for (const resolve of this.#asked.splice(0)) resolve(false)
  }

  /** Resolves to whether everything has arrived. */
  async #round(): Promise<boolean> {
    const { world, masterAddress } = this.#parts
    const address = masterAddress()
    if (address === undefined) return false
    try {
      await this.#topics(address)
      await this.#groups(address)
      await this.#offsets(address)
      await this.#requestModes(address)
      await this.#takeProgress(address)
      this.#failing = false
      this.syncedMs = world.clock.monotonicMs()
      return true
    } catch (error) {
      // Said once per outage: a master that is away for an hour must not fill the log.
      if (!this.#failing && !this.#stopped)
        world.log.warn(
          { master: address, error },
          'what the master knows of topics, groups and progress does not arrive',
        )
      this.#failing = true
      return false
    }
  }

  #ask<D extends Requests[string]>(address: string, request: D, header: Partial<HeaderOf<D>>): Promise<ReplyOf<D>> {
    return this.#parts.client.invoke(address, request, header, { timeoutMs: TIMEOUT_MS })
  }

  async #topics(address: string): Promise<void> {
    const { topics } = this.#parts
    const answer = await this.#ask(address, brokerRequests.getAllTopicConfig, {
      unlessVersion: printVersion(topics.dataVersion),
    })
    const { body } = answer
    if (answer.sameVersion || this.#stopped || !body?.dataVersion || sameVersion(body.dataVersion, topics.dataVersion))
      return
    const table = [...body.topicConfigTable].map(
      ([topicName, config]) => [topicName, { ...config, topicName }] as const,
    )
    const had = [...topics.all()].map(({ topicName }) => topicName)
    // An older master may have fewer topics of its own; what lies in ours of them is not deleted.
    const gone = had.filter(name => !body.topicConfigTable.has(name) && !isSystemTopic(name, topics.options))
    await topics.adopt(new Map(table), body.dataVersion)
    // Their queues too: one of the same name begins anew at 0, on the master and in its log.
    for (const topic of gone) await this.#parts.forgetTopic(topic)
  }

  async #groups(address: string): Promise<void> {
    const { groups } = this.#parts
    const answer = await this.#ask(address, brokerRequests.getAllSubscriptiongroupConfig, {
      unlessVersion: printVersion(groups.dataVersion),
    })
    const { body } = answer
    if (answer.sameVersion || this.#stopped || !body?.dataVersion || sameVersion(body.dataVersion, groups.dataVersion))
      return
    const table = [...body.subscriptionGroupTable].map(
      ([groupName, config]) => [groupName, { ...config, groupName }] as const,
    )
    await groups.adopt(new Map(table), body.forbiddenTable ?? new Map(), body.dataVersion)
  }

  async #offsets(address: string): Promise<void> {
    const { offsets } = this.#parts
    const answer = await this.#ask(address, brokerRequests.getAllConsumerOffset, {
      unlessVersion: printVersion(offsets.dataVersion),
    })
    const { body } = answer
    if (answer.sameVersion || this.#stopped || !body) return
    offsets.adopt(body.offsetTable, body.dataVersion ?? offsets.dataVersion)
  }

  async #requestModes(address: string): Promise<void> {
    const { requestModes } = this.#parts
    const { body } = await this.#ask(address, brokerRequests.getAllMessageRequestMode, {})
    if (this.#stopped || !body) return
    const encode = (modes: typeof body.messageRequestModeMap) =>
      Buffer.from(messageRequestModeSerializeWrapper.encode({ messageRequestModeMap: modes }))
    if (!encode(requestModes.snapshot()).equals(encode(body.messageRequestModeMap)))
      await requestModes.adopt(body.messageRequestModeMap)
  }

  /** In one round it is heard, in a later one put down, when this log has come so far. */
  async #takeProgress(address: string): Promise<void> {
    const { log } = this.#parts
    const progress = this.#progress
    if (progress !== undefined && log.readableOffset >= progress.end) {
      await this.#write(progress)
      this.#progress = undefined
    }
    if (this.#progress !== undefined || this.#stopped) return
    const delays = await this.#ask(address, brokerRequests.getAllDelayOffset, {})
    // A master without timers refuses: then there is no progress of any.
    const timer = await this.#ask(address, brokerRequests.getTimerCheckPoint, {}).catch(() => undefined)
    const { body } = await this.#ask(address, brokerRequests.getBrokerRuntimeInfo, {})
    const end = Number(body?.table.get('commitLogMaxOffset'))
    if (!Number.isSafeInteger(end)) return
    const files = []
    if (delays.body) files.push({ name: 'delayOffset.json', content: delayOffset.encode(delays.body) })
    if (timer?.body?.length) files.push({ name: TIMER_CHECKPOINT, content: timer.body })
    this.#progress = { end, files }
  }

  async #write({ files }: Progress): Promise<void> {
    const { world, directory, config } = this.#parts
    const content = Buffer.concat(files.map(file => file.content))
    if (this.#written?.equals(content)) return
    await makeDurableDirectory(world.disk, directory)
    // What this broker's own timers left when it was master does not go with the master's checkpoint.
    if (files.some(({ name }) => name === TIMER_CHECKPOINT)) await forgetTimers(world.disk, config.storePathRootDir)
    for (const { name, content } of files) await replaceFile(world.disk, `${directory}/${name}`, content)
    this.#written = content
  }
}

const sameVersion = (a: Parameters<typeof printVersion>[0], b: Parameters<typeof printVersion>[0]) =>
  printVersion(a) === printVersion(b)
