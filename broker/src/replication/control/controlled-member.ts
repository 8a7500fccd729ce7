import type { BrokerConfig } from '@rocketcluster/config'
import { type GroupRecord, groupRecord } from '@rocketcluster/protocol'
import type { RemotingClient } from '@rocketcluster/remoting'
import type { World } from '@rocketcluster/world'
import { Controllers, type MemberReport, type Proposal } from './controllers.ts'
import type { MemberFile } from './member-file.ts'
import { type GroupRole, Membership } from './membership.ts'

const PROCESS_ID_BYTES = 12
/** Whether a master is heard is looked at so often: its loss is told at once. */
const LOOK_MS = 100
/** How often controllers are asked while there is no master. */
const WAITING_BEAT_MS = 200

export interface ControlledMemberOptions {
  readonly config: BrokerConfig
  readonly file: MemberFile
  readonly client: RemotingClient
  /** `ip:port` of this member itself. */
  readonly address: string
  /** The last epoch in the log, -1 for none, and where it ends. */
  readonly log: () => { readonly epoch: number; readonly end: number; readonly confirmed: number }
  /** The role is another one, or its record has changed. Told after what it follows from is on the disk. */
  readonly onRole: (role: GroupRole) => void
}

/** This broker as a member of its group: what it tells the controllers, what it learns from them, and what it remembers. */
export class ControlledMember {
  readonly #world: World
  readonly #options: ControlledMemberOptions
  readonly #membership: Membership
  readonly #controllers: Controllers
  #learning: Promise<void> = Promise.resolve()
  #toldHeard: number | undefined
  #askedMs = 0
  #looking: { cancel(): void } | undefined

  constructor(world: World, options: ControlledMemberOptions) {
    const { config, file, client, address } = options
    this.#world = world
    this.#options = options
    this.#membership = new Membership({
      brokerId: config.brokerId,
      storeId: file.storeId,
      record: file.record,
      highestEpoch: file.highestEpoch,
      newProcessId: () => Buffer.from(world.random.bytes(PROCESS_ID_BYTES)).toString('hex'),
    })
    this.#controllers = new Controllers(world, client, {
      addresses: config.controllerAddr,
      address,
      report: () => this.#report(),
      onRecord: record => this.#learn(record),
      onForming: recordId => this.#promise(recordId),
    })
  }

  start(): void {
    this.#controllers.start()
    this.#looking = this.#world.clock.setInterval(() => this.#look(), LOOK_MS)
  }

  /** Resolves when nothing is written any more. */
  async stop(): Promise<void> {
    this.#controllers.stop()
    this.#looking?.cancel()
    await this.#learning
  }

  get role(): GroupRole {
    return this.#membership.role
  }

  get record(): GroupRecord | undefined {
    return this.#membership.record
  }

  get highestEpoch(): number {
    return this.#membership.highestEpoch
  }

  get storeId(): string {
    return this.#options.file.storeId
  }

  get bootId(): string {
    return this.#options.file.bootId
  }

  /** How many controllers answer. */
  get controllers(): number {
    return this.#controllers.answering
  }

  /** From now on no master below `epoch` is followed. Resolves when that is on the disk. Throws DiskError. */
  async promiseEpoch(epoch: number): Promise<void> {
    if (epoch <= this.#options.file.durableEpoch) return
    await this.#options.file.sawEpoch(epoch)
    this.#membership.sawEpoch(epoch)
    this.#options.onRole(this.role)
  }

  /** The master of `epoch` was heard on the replication link. */
  heard(epoch: number): void {
    this.#membership.heard(epoch, this.#world.clock.monotonicMs())
    if (this.#toldHeard === undefined) this.#look()
  }

  /** The link to the master is gone. */
  lostMaster(): void {
    this.#membership.lostMaster()
    this.#look()
  }

  /** A master proposes a set. Resolves to whether its fate is known, and learnt. */
  async propose(proposal: Omit<Proposal, 'processId' | 'stores'>): Promise<boolean> {
    const { config } = this.#options
    const stores = (this.record?.members ?? [])
      .filter(({ storeId }) => storeId !== '')
      .map(({ brokerId, storeId, bootId }) => `${brokerId}:${storeId}:${bootId}`)
      .join(';')
    const { processId } = this.#membership
    const known = await this.#controllers.propose(config.brokerName, config.brokerId, {
      ...proposal,
      processId,
      stores,
    })
    await this.#learning
    return known
  }

  /** Finds out what became of a proposal. Resolves to whether it is known now, and learnt. */
  async settle(): Promise<boolean> {
    const known = await this.#controllers.settle(this.#options.config.brokerName)
    await this.#learning
    return known
  }

  /** A master asks for another one to be elected. Resolves to whether one is. */
  async handOver(): Promise<boolean> {
    const { role } = this
    if (role.kind !== 'master') return false
    const { clusterName, brokerName } = role.record
    const done = await this.#controllers.handOver(clusterName, brokerName, role.epoch, this.#membership.processId)
    await this.#learning
    return done
  }

  /** Tells the controllers at once when a master is heard, or not any more; and asks more often while there is none. */
  #look(): void {
    const nowMs = this.#world.clock.monotonicMs()
    const isImpatient = this.role.kind === 'waiting' && nowMs - this.#askedMs >= WAITING_BEAT_MS
    if (!isImpatient && this.#membership.heardEpoch(nowMs) === this.#toldHeard) return
    this.#askedMs = nowMs
    this.#controllers.beat()
  }

  #learn(record: GroupRecord): void {
    const { config, file, onRole } = this.#options
    if (record.brokerName !== config.brokerName || record.clusterName !== config.brokerClusterName) return
    const before = this.record
    if (!this.#membership.learn(record)) return
    // The same again: with every beat one comes.
    if (before !== undefined && before.recordId === record.recordId && before.changeId === record.changeId) return
    this.#learning = this.#learning
      .then(async () => {
        await file.saw(record)
        onRole(this.role)
      })
      .catch(error => this.#world.log.error({ error }, 'what a controller says cannot be kept, so it is not followed'))
  }

  #promise(recordId: string): void {
    if (!this.#membership.promise(recordId, this.#world.clock.monotonicMs())) return
    this.#world.log.info({ recordId }, 'the controllers form a record of this group: this member waits for it')
    this.#options.onRole(this.role)
    this.#controllers.beat()
  }

  #report(): MemberReport {
    const { config, file, log } = this.#options
    const membership = this.#membership
    const { epoch, end, confirmed } = log()
    const heard = membership.heardEpoch(this.#world.clock.monotonicMs())
    this.#toldHeard = heard
    const { record } = file
    return {
      clusterName: config.brokerClusterName,
      brokerName: config.brokerName,
      brokerId: config.brokerId,
      epoch,
      maxOffset: end,
      confirmOffset: confirmed,
      heartbeatTimeoutMills: config.controllerHeartBeatTimeoutMills,
      electionPriority: config.brokerElectionPriority,
      storeId: file.storeId,
      bootId: file.bootId,
      processId: membership.processId,
      groupSize: config.totalReplicas,
      ...(heard !== undefined && { heardMasterEpoch: heard }),
      ...(record !== undefined && { seenRecord: Buffer.from(groupRecord.encode(record)).toString('utf8') }),
      ...(membership.promised !== undefined && { promisedRecord: membership.promised }),
    }
  }
}
