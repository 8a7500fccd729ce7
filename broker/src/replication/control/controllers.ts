import {
  brokerRequests,
  controllerRequests,
  type GroupRecord,
  groupRecord,
  ResponseError,
} from '@rocketcluster/protocol'
import type { RemotingClient } from '@rocketcluster/remoting'
import type { Log, Timer, World } from '@rocketcluster/world'

const BEAT_MS = 1000
/** A controller that does not answer a beat by then is asked again with the next. */
const BEAT_TIMEOUT_MS = 900
const TIMEOUT_MS = 3000

/** What this member says of itself, with each beat. Offsets in bytes of its log. */
export interface MemberReport {
  readonly clusterName: string
  readonly brokerName: string
  readonly brokerId: number
  /** Of the last entry in its log; -1 without any. */
  readonly epoch: number
  readonly maxOffset: number
  readonly confirmOffset: number
  readonly heartbeatTimeoutMills: number
  readonly electionPriority: number
  readonly storeId: string
  readonly bootId: string
  readonly processId: string
  readonly groupSize: number
  readonly heardMasterEpoch?: number
  readonly seenRecord?: string
  readonly promisedRecord?: string
}

export interface ControllersOptions {
  /** `host:port` of each. */
  readonly addresses: readonly string[]
  /** `ip:port` of this member itself. */
  readonly address: string
  readonly report: () => MemberReport
  /** A record has come; perhaps an old one. */
  readonly onRecord: (record: GroupRecord) => void
  /** A record of this id is about to be formed. */
  readonly onForming: (recordId: string) => void
}

/** The set that a master proposes. */
export interface Proposal {
  readonly masterEpoch: number
  readonly processId: string
  readonly syncStateSet: readonly number[]
  /** Of the record that it was made from. */
  readonly syncStateSetEpoch: number
  /** `brokerId:storeId:bootId` of the members, with semicolons between. */
  readonly stores: string
}

interface Link {
  readonly address: string
  busy: boolean
  /** Something changed while a beat was on its way. */
  again: boolean
  failing: boolean
}

/**
 * A member's connections to the controllers. Each is told everything, every second and when something changes; there is no leader
 * among them, so any may be asked to decide.
 */
export class Controllers {
  readonly #world: World
  readonly #log: Log
  readonly #client: RemotingClient
  readonly #options: ControllersOptions
  readonly #links: readonly Link[]
  #timer: Timer | undefined
  #stopped = false
  #next: number

  constructor(world: World, client: RemotingClient, options: ControllersOptions) {
    this.#world = world
    this.#log = world.log.child({ part: 'controllers' })
    this.#client = client
    this.#options = options
    this.#links = options.addresses.map(address => ({ address, busy: false, again: false, failing: false }))
    this.#next = world.random.int(this.#links.length)
    client.handle(brokerRequests.notifyBrokerRoleChanged, ({ record }) => {
      this.#answered({ record })
      return {}
    })
  }

  start(): void {
    this.#timer = this.#world.clock.setInterval(() => this.beat(), BEAT_MS)
    this.beat()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** How many controllers answered last time. */
  get answering(): number {
    return this.#links.filter(({ failing }) => !failing).length
  }

  /** Tells every controller now how things are. */
  beat(): void {
    for (const link of this.#links) {
      if (link.busy) link.again = true
      else void this.#beat(link)
    }
  }

  async #beat(link: Link): Promise<void> {
    link.busy = true
    do {
      link.again = false
      await this.#beatOnce(link)
    } while (link.again && !this.#stopped)
    link.busy = false
  }

  /** Never rejects. */
  async #beatOnce(link: Link): Promise<void> {
    const { address, report } = this.#options
    try {
      const header = { ...report(), brokerAddr: address }
      this.#answered(
        await this.#client.invoke(link.address, controllerRequests.brokerHeartbeat, header, {
          timeoutMs: BEAT_TIMEOUT_MS,
        }),
      )
      link.failing = false
    } catch (error) {
      if (error instanceof ResponseError && error.status === 'CONTROLLER_BROKER_NEED_TO_BE_REGISTERED')
        await this.#register(link)
      else this.#failed(link, error)
    }
  }

  async #register(link: Link): Promise<void> {
    const { address, report } = this.#options
    try {
      const { confirmOffset: _, ...said } = report()
      const header = { ...said, brokerAddress: address }
      this.#answered(
        await this.#client.invoke(link.address, controllerRequests.controllerRegisterBroker, header, {
          timeoutMs: TIMEOUT_MS,
        }),
      )
      link.failing = false
    } catch (error) {
      this.#failed(link, error)
    }
  }

  #failed(link: Link, error: unknown): void {
    // Said once per outage.
    if (!link.failing && !this.#stopped)
      this.#log.warn({ controller: link.address, error }, 'a controller does not take what this member says')
    link.failing = true
  }

  #answered({ record, formingRecord }: { record?: string; formingRecord?: string }): void {
    if (this.#stopped) return
    if (record !== undefined) this.#options.onRecord(groupRecord.parse(record))
    if (formingRecord !== undefined) this.#options.onForming(formingRecord)
  }

  /** One after the other, as nobody knows which of them can reach the record store. */
  get #someone(): string {
    this.#next = (this.#next + 1) % this.#links.length
    const answering = this.#links.filter(({ failing }) => !failing)
    const links = answering.length > 0 ? answering : this.#links
    return links[this.#next % links.length]!.address
  }

  /** Resolves to whether the proposal's fate is known: the record that came with the answer has it, or it was refused. Never rejects. */
  async propose(brokerName: string, masterBrokerId: number, proposal: Proposal): Promise<boolean> {
    const { syncStateSet, syncStateSetEpoch, ...header } = proposal
    try {
      this.#answered(
        await this.#client.invoke(
          this.#someone,
          controllerRequests.controllerAlterSyncStateSet,
          { brokerName, masterBrokerId, ...header },
          { body: { syncStateSet: [...syncStateSet], syncStateSetEpoch }, timeoutMs: TIMEOUT_MS },
        ),
      )
      return true
    } catch (error) {
      this.#log.info({ error, syncStateSet }, 'a new in-sync set was not taken')
      // Only the controllers' own codes say what became of it; after all else it may still come into force.
      return error instanceof ResponseError && error.status.startsWith('CONTROLLER_')
    }
  }

  /** Makes sure that no earlier proposal can still come into force, and learns the record. Resolves to whether it has. Never rejects. */
  async settle(brokerName: string): Promise<boolean> {
    try {
      this.#answered(
        await this.#client.invoke(
          this.#someone,
          controllerRequests.controllerGetReplicaInfo,
          { brokerName, settle: true },
          { timeoutMs: TIMEOUT_MS },
        ),
      )
      return true
    } catch {
      return false
    }
  }

  /** A master that stops asks for another member to be elected. Resolves to whether one is. Never rejects. */
  async handOver(clusterName: string, brokerName: string, epoch: number, processId: string): Promise<boolean> {
    try {
      const answer = await this.#client.invoke(
        this.#someone,
        controllerRequests.controllerElectMaster,
        { clusterName, brokerName, brokerId: -1, handOverEpoch: epoch, processId, leaves: true },
        { timeoutMs: TIMEOUT_MS },
      )
      this.#answered(answer)
      return true
    } catch (error) {
      this.#log.info({ error }, 'no other member can be master now')
      return false
    }
  }
}
