import { brokerRequests, type HARuntimeInfo, printHost, ResponseError } from '@rocketcluster/protocol'
import type { Timer, World } from '@rocketcluster/world'
import type { ReplicationParts } from '../../broker.ts'
import type { Store } from '../../store/store.ts'
import type { EpochFile } from '../epoch/epoch-file.ts'
import { EpochDialect } from '../links/epoch-dialect.ts'
import type { SlaveHandshake } from '../links/epoch-frames.ts'
import { LinkServer } from '../links/link-server.ts'
import type { Epoch, Replication } from '../replication.ts'
import type { ControlledMember } from './controlled-member.ts'
import { InSyncSet, type ReplicaView } from './in-sync-set.ts'
import type { GroupRole } from './membership.ts'

/** How often silence is looked for, and whether the set has to change. */
const LOOK_MS = 50
/** How long clients wait for members in sync to come to the new master; one that does not come has left the set by then. */
const READY_MS = 2500
/** How long a change of topics or groups waits for replicas, and for one answer. */
const METADATA_MS = 4000
const METADATA_TIMEOUT_MS = 1500
/** After a refusal. */
const REFUSED_MS = 500
/** How long the log is given to take to the disk what it has. */
const SETTLE_MS = 5

/** A master under a controller: serves its log, confirms what every member in sync has, and proposes who is in sync. */
export class ControlledMaster implements Replication {
  readonly #parts: ReplicationParts
  readonly #member: ControlledMember
  readonly #epochs: EpochFile
  readonly #epoch: number
  readonly #inSync: InSyncSet
  #server: LinkServer | undefined
  #timer: Timer | undefined
  #unlisten: (() => void) | undefined
  #proposing = false
  #notBeforeMs = 0
  #stopped = false

  /** The epoch begins where the log ends, and that is on the disk. Throws NetworkError when the port cannot be had; DiskError. */
  static async start(
    parts: ReplicationParts,
    member: ControlledMember,
    epochs: EpochFile,
    role: GroupRole & { kind: 'master' },
  ): Promise<ControlledMaster> {
    const { store, world } = parts
    store.refuseWrites('this broker has just become master')
    // What is still on its way may fail, and its place be given again: to bytes of this epoch, before its beginning.
    while (!store.settled) await world.clock.sleep(SETTLE_MS)
    const startOffset = store.maxPhysicalOffset
    if ((epochs.history.last?.epoch ?? -1) < role.epoch) epochs.history.append({ epoch: role.epoch, startOffset })
    await epochs.save()
    const master = new ControlledMaster(parts, member, epochs, role)
    const { config, haPort } = parts
    master.#server = await LinkServer.start(world, {
      host: config.bindAddress,
      port: haPort,
      log: store,
      heartbeatIntervalMs: config.haSendHeartbeatInterval,
      silenceMs: config.haHousekeepingInterval,
      onChange: () => master.#look(),
      dialect: () =>
        new EpochDialect({
          log: store,
          history: epochs.history,
          refusal: handshake => master.#refusal(handshake),
          confirmOffset: () => master.confirmOffset,
        }),
    })
    master.#unlisten = store.addAdvanceListener(() => master.#look())
    master.#timer = world.clock.setInterval(() => master.#tick(), LOOK_MS)
    master.#tick()
    return master
  }

  private constructor(
    parts: ReplicationParts,
    member: ControlledMember,
    epochs: EpochFile,
    { epoch, record }: GroupRole & { kind: 'master' },
  ) {
    this.#parts = parts
    this.#member = member
    this.#epochs = epochs
    this.#epoch = epoch
    const { config, world } = parts
    this.#inSync = new InSyncSet({
      brokerId: config.brokerId,
      sync: config.allAckInSyncStateSet,
      minInSync: config.minInSyncReplicas,
      maxLagMs: config.haMaxTimeSlaveNotCatchup,
      epochStart: epochs.history.last!.startOffset,
      record,
      nowMs: world.clock.monotonicMs(),
    })
  }

  get #world(): World {
    return this.#parts.world
  }

  get #store(): Store {
    return this.#parts.store
  }

  get haAddress(): string {
    return printHost({ address: this.#parts.config.brokerIP2, port: this.#server!.port })
  }

  get epochs(): readonly Epoch[] {
    return this.#epochs.history.entries
  }

  get confirmOffset(): number {
    return this.#store.readableOffset
  }

  /** A consumer of the master before may be ahead of what is confirmed here as yet: it would be sent back, and get all that again. */
  async ready(): Promise<void> {
    const { clock } = this.#world
    const dueMs = clock.monotonicMs() + READY_MS
    const { startOffset } = this.#epochs.history.last!
    while (!this.#stopped && this.#store.readableOffset < startOffset && clock.monotonicMs() < dueMs)
      await clock.sleep(SETTLE_MS)
  }

  /** The record of this mastership has changed. */
  learn(role: GroupRole & { kind: 'master' }): void {
    this.#inSync.learn(role.record, this.#world.clock.monotonicMs())
    this.#look()
  }

  /**
   * With Sync a change is as durable as a message: every member that is waited for has it. Throws ResponseError when one does not take it
   * in time; it is made all the same, and may be asked for again.
   */
  async metadataChanged(): Promise<void> {
    const { config, client, world } = this.#parts
    if (!config.allAckInSyncStateSet) return
    const dueMs = world.clock.monotonicMs() + METADATA_MS
    const missing = (brokerId: number) => brokerId !== config.brokerId && this.#inSync.waitsFor(brokerId)
    await Promise.all(
      this.#inSync.record.members.map(async ({ brokerId, address }) => {
        // One that leaves the set meanwhile is not waited for any more.
        while (missing(brokerId)) {
          const failure = await client
            .invoke(
              address,
              brokerRequests.synchronizeMetadata,
              { masterEpoch: this.#epoch },
              { timeoutMs: METADATA_TIMEOUT_MS },
            )
            .then(
              () => undefined,
              (error: Error) => error,
            )
          if (failure === undefined) return
          if (this.#stopped || world.clock.monotonicMs() > dueMs)
            throw new ResponseError(
              'SYSTEM_ERROR',
              `the change is made here, but broker ${brokerId}, which is in sync, does not have it yet (${failure.message}): ask again`,
            )
          await world.clock.sleep(LOOK_MS)
        }
      }),
    )
  }

  status(): HARuntimeInfo {
    const { maxPhysicalOffset: end } = this.#store
    const { syncStateSet } = this.#inSync.record
    return {
      master: true,
      masterCommitLogMaxOffset: end,
      // As in Apache's controller mode the master counts.
      inSyncSlaveNums: syncStateSet.length - 1,
      haConnectionInfo: this.#slaves.map(slave => ({
        addr: slave.address,
        slaveAckOffset: slave.ackOffset,
        diff: end - slave.ackOffset,
        inSync: slave.identity !== undefined && syncStateSet.includes(slave.identity.brokerId),
        transferredByteInSecond: slave.bytesPerSecond,
        transferFromWhere: slave.sentOffset,
      })),
      haClientRuntimeInfo: undefined,
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#unlisten?.()
    await this.#server?.stop()
  }

  get #slaves() {
    return this.#server?.slaves ?? []
  }

  #refusal({ brokerId, hello }: SlaveHandshake): string | undefined {
    if (hello === undefined) return undefined
    const { record } = this.#inSync
    if (hello.clusterName !== record.clusterName || hello.brokerName !== record.brokerName)
      return `it belongs to ${hello.clusterName}/${hello.brokerName}, this is ${record.clusterName}/${record.brokerName}`
    if (hello.highestEpoch > this.#epoch) {
      // Somebody else is master: the controllers will say so; until then nothing more may be acknowledged here.
      void this.#member.promiseEpoch(hello.highestEpoch)
      return `it has seen epoch ${hello.highestEpoch}, and this is the master of epoch ${this.#epoch}`
    }
    if (hello.recordId !== record.recordId && !record.replaces.includes(hello.recordId))
      return `it knows record ${hello.recordId} of the group, and this master record ${record.recordId}`
    const known = record.members.find(member => member.brokerId === brokerId)
    if (known?.storeId !== hello.storeId)
      return `broker ${brokerId} has store ${hello.storeId}, and the record says ${known?.storeId ?? 'nothing of it'}`
    return undefined
  }

  /** What may be confirmed now. */
  #look(): void {
    if (this.#stopped || this.#server === undefined) return
    const store = this.#store
    const nowMs = this.#world.clock.monotonicMs()
    const views = this.#slaves.flatMap(({ identity, ackOffset, heardMs }): ReplicaView[] =>
      identity === undefined || identity.isLearner ? [] : [{ ...identity, ackOffset, heardMs }],
    )
    store.confirm(this.#inSync.look(views, store.durableOffset, nowMs))
  }

  #tick(): void {
    this.#look()
    if (this.#stopped) return
    const nowMs = this.#world.clock.monotonicMs()
    this.#store.refuseWrites(this.#inSync.refusal(nowMs))
    void this.#propose(nowMs)
  }

  async #propose(nowMs: number): Promise<void> {
    if (this.#proposing || nowMs < this.#notBeforeMs) return
    const inSync = this.#inSync
    this.#proposing = true
    try {
      if (inSync.proposed !== undefined) {
        if (await this.#member.settle()) inSync.settled()
        return
      }
      const syncStateSet = inSync.proposal(nowMs)
      if (syncStateSet === undefined) return
      inSync.propose(syncStateSet)
      const { syncStateSetEpoch } = inSync.record
      const known = await this.#member.propose({ masterEpoch: this.#epoch, syncStateSet, syncStateSetEpoch })
      if (known) inSync.settled()
      // It was refused: what there is to know about that comes with a beat.
      if (inSync.record.syncStateSetEpoch === syncStateSetEpoch) this.#notBeforeMs = nowMs + REFUSED_MS
    } finally {
      this.#proposing = false
      this.#look()
    }
  }
}
