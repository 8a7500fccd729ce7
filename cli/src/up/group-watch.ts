import type { RenderedProcess } from '@rocketcluster/config'
import { brokerRequests, controllerRequests, type GroupRecord, groupRecord } from '@rocketcluster/protocol'
import { type RemotingClient, TransportError } from '@rocketcluster/remoting'

const LOOK_MS = 250
const TIMEOUT_MS = 500
/** How long a master that was replaced may take to step down. */
const STEP_DOWN_MS = 250

export interface GroupWatchOptions {
  readonly client: RemotingClient
  readonly processes: readonly RenderedProcess[]
  /** Another member is master now, or nobody is. */
  readonly onMaster: (brokerName: string, master: string | undefined, record: GroupRecord) => void
  /** A deposed master that does not step down: the port of its group must be free. */
  readonly onStuck: (name: string) => void
}

/**
 * Looks at the record of each group: who is master, for people to see; and that a master which was replaced lets go of the group's
 * port, even when it hangs.
 */
export class GroupWatch {
  readonly #options: GroupWatchOptions
  readonly #controllers: readonly string[]
  readonly #groups: readonly string[]
  readonly #known = new Map<string, { epoch: number; process: string | undefined }>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<unknown> = Promise.resolve()

  constructor(options: GroupWatchOptions) {
    this.#options = options
    const { processes } = options
    this.#controllers = processes.filter(({ kind }) => kind === 'controller').map(({ address }) => address)
    this.#groups = [
      ...new Set(
        processes.filter(({ groupAddress }) => groupAddress !== undefined).map(({ brokerName }) => brokerName!),
      ),
    ]
  }

  start(): void {
    if (this.#groups.length > 0) this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  #look(): void {
    this.#looking = Promise.all(this.#groups.map(group => this.#lookAt(group)))
  }

  /** Never rejects. */
  async #lookAt(brokerName: string): Promise<void> {
    const record = await this.#record(brokerName)
    if (record === undefined || record.masterEpoch === 0) return
    const before = this.#known.get(brokerName)
    if (before !== undefined && before.epoch >= record.masterEpoch) return
    const process = this.#options.processes.find(
      one => one.brokerName === brokerName && one.brokerId === record.masterBrokerId,
    )?.name
    this.#known.set(brokerName, { epoch: record.masterEpoch, process })
    this.#options.onMaster(brokerName, process, record)
    if (before?.process !== undefined && before.process !== process) await this.#seeStepDown(brokerName, before.process)
  }

  async #record(brokerName: string): Promise<GroupRecord | undefined> {
    for (const controller of this.#controllers) {
      try {
        const { record } = await this.#options.client.invoke(
          controller,
          controllerRequests.controllerGetReplicaInfo,
          { brokerName },
          { timeoutMs: TIMEOUT_MS },
        )
        if (record !== undefined) return groupRecord.parse(record)
      } catch {
        // It may be away, or know no record yet: the next look tells.
      }
    }
    return undefined
  }

  async #seeStepDown(brokerName: string, name: string): Promise<void> {
    const { client, processes, onStuck } = this.#options
    await new Promise(resolve => setTimeout(resolve, STEP_DOWN_MS))
    const { address } = processes.find(process => process.name === name)!
    try {
      await client.connect(address, { timeoutMs: TIMEOUT_MS })
    } catch {
      // Nobody listens: it is dead, or about to serve in its new role.
      return
    }
    try {
      const { body } = await client.invoke(address, brokerRequests.getBrokerHaStatus, {}, { timeoutMs: TIMEOUT_MS })
      if (!body!.master) return
    } catch (error) {
      if (!(error instanceof TransportError && error.kind === 'timeout')) return
    }
    // It may have been elected again meanwhile.
    if (this.#known.get(brokerName)?.process !== name && !(await this.#isMaster(brokerName, name))) onStuck(name)
  }

  async #isMaster(brokerName: string, name: string): Promise<boolean> {
    const record = await this.#record(brokerName)
    const process = this.#options.processes.find(one => one.name === name)
    return record?.masterBrokerId === process?.brokerId
  }
}
