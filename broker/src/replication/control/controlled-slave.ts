import { brokerRequests, type GroupMember, type HARuntimeInfo, printHost, ResponseError } from '@rocketcluster/protocol'
import type { ReplicationParts } from '../../broker.ts'
import type { EpochFile } from '../epoch/epoch-file.ts'
import { EpochMasterDialect } from '../links/epoch-master-dialect.ts'
import { LinkClient, type MasterLog } from '../links/link-client.ts'
import type { Epoch, Replication } from '../replication.ts'
import { SlaveSynchronize } from '../slave-synchronize.ts'
import type { ControlledMember } from './controlled-member.ts'

const TIMEOUT_MS = 1000
/** Between two attempts: a failover is as long as this takes. */
const RETRY_MS = 100

export interface ControlledSlaveOptions {
  readonly member: ControlledMember
  readonly epochs: EpochFile
  /** This log has bytes behind `offset` that the master does not have. Nothing is followed any more. */
  readonly onTruncate: (offset: number) => void
  /** See `LinkClientOptions`. */
  readonly onTooFarBehind: (minOffset: number) => void
}

/** A member under a controller that is not its master: follows whom the record names, when it names one. */
export class ControlledSlave implements Replication {
  readonly haAddress: string
  readonly #parts: ReplicationParts
  readonly #options: ControlledSlaveOptions
  readonly #synchronize: SlaveSynchronize
  #link: LinkClient | undefined
  #master: GroupMember | undefined
  #haAddress: string | undefined
  #turn: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(parts: ReplicationParts, options: ControlledSlaveOptions) {
    const { config, haPort, store } = parts
    this.#parts = parts
    this.#options = options
    this.haAddress = printHost({ address: config.brokerIP2, port: haPort })
    this.#synchronize = new SlaveSynchronize({
      ...parts,
      log: store,
      masterAddress: () => this.#master?.address,
      forgetTopic: topic => store.deleteTopic(topic),
    })
    this.#synchronize.start()
  }

  get epochs(): readonly Epoch[] {
    return this.#options.epochs.history.entries
  }

  /** From now on this one is followed; undefined: nobody is. */
  follow(master: GroupMember | undefined): void {
    const now = this.#master
    if (now?.address === master?.address && now?.storeId === master?.storeId && now?.processId === master?.processId)
      return
    this.#master = master
    this.#haAddress = undefined
    this.#turn = this.#turn.then(() => this.#relink())
  }

  async #relink(): Promise<void> {
    await this.#link?.stop()
    this.#link = undefined
    const master = this.#master
    if (this.#stopped || master === undefined) return
    const { world, store, config } = this.#parts
    const { epochs, member, onTruncate, onTooFarBehind } = this.#options
    this.#link = new LinkClient(world, {
      log: store,
      masterHaAddress: () => this.#haAddress,
      masterLog: () => this.#askMasterLog(master),
      heartbeatIntervalMs: config.haSendHeartbeatInterval,
      silenceMs: config.haHousekeepingInterval,
      retryMs: RETRY_MS,
      onTooFarBehind,
      onDisconnect: () => member.lostMaster(),
      dialect: () =>
        new EpochMasterDialect({
          brokerId: config.brokerId,
          log: store,
          epochs,
          hello:
            master.storeId === ''
              ? undefined
              : {
                  clusterName: config.brokerClusterName,
                  brokerName: config.brokerName,
                  recordId: member.record?.recordId ?? '',
                  highestEpoch: member.highestEpoch,
                  storeId: member.storeId,
                  bootId: member.bootId,
                },
          highestEpoch: () => member.highestEpoch,
          promiseEpoch: epoch => member.promiseEpoch(epoch),
          masterLog: () => this.#askMasterLog(master),
          heard: epoch => member.heard(epoch),
          onConfirm: physicalOffset => store.confirm(physicalOffset),
          onTruncate,
          onTooFarBehind,
        }),
    })
    this.#link.start()
    void this.#findLinks(master)
  }

  /** The master says where its links are. */
  async #findLinks(master: GroupMember): Promise<void> {
    const { client, world } = this.#parts
    while (!this.#stopped && this.#master === master && this.#haAddress === undefined) {
      const answer = await client
        .invoke(master.address, brokerRequests.exchangeBrokerHaInfo, {}, { timeoutMs: TIMEOUT_MS })
        .catch(() => undefined)
      if (this.#master !== master) return
      // A member that has not become master yet says nothing.
      if (answer?.masterHaAddress) this.#haAddress = answer.masterHaAddress
      else await world.clock.sleep(RETRY_MS)
    }
  }

  async synchronize(masterEpoch: number): Promise<void> {
    const { record } = this.#options.member
    if (record?.masterEpoch !== masterEpoch || this.#master === undefined)
      throw new ResponseError(
        'SYSTEM_ERROR',
        `this member knows of a master of epoch ${record?.masterEpoch ?? 0}, not of epoch ${masterEpoch}`,
      )
    try {
      await this.#synchronize.now()
    } catch (error) {
      throw new ResponseError('SYSTEM_ERROR', (error as Error).message, { cause: error })
    }
  }

  status(): HARuntimeInfo {
    const view = this.#link?.view
    return {
      master: false,
      masterCommitLogMaxOffset: 0,
      inSyncSlaveNums: 0,
      haConnectionInfo: [],
      haClientRuntimeInfo: {
        masterAddr: view?.masterAddress ?? '',
        lastReadTimestamp: view?.lastReadTimestamp ?? 0,
        lastWriteTimestamp: view?.lastWriteTimestamp ?? 0,
        maxOffset: this.#parts.store.maxPhysicalOffset,
        masterFlushOffset: 0,
        transferredByteInSecond: view?.bytesPerSecond ?? 0,
      },
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#turn
    await this.#link?.stop()
    await this.#synchronize.stop()
  }

  async #askMasterLog(master: GroupMember): Promise<MasterLog> {
    const { body } = await this.#parts.client.invoke(
      master.address,
      brokerRequests.getBrokerRuntimeInfo,
      {},
      { timeoutMs: TIMEOUT_MS },
    )
    const minOffset = Number(body?.table.get('commitLogMinOffset'))
    const maxOffset = Number(body?.table.get('commitLogMaxOffset'))
    if (!Number.isSafeInteger(minOffset) || !Number.isSafeInteger(maxOffset))
      throw new Error(`${master.address} does not say where its log begins and ends`)
    return { minOffset, maxOffset }
  }
}
