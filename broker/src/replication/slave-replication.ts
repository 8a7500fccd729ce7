import type { BrokerConfig } from '@rocketcluster/config'
import { brokerRequests, type HARuntimeInfo, printHost } from '@rocketcluster/protocol'
import type { RemotingClient } from '@rocketcluster/remoting'
import type { World } from '@rocketcluster/world'
import { LinkClient, type MasterLog } from './links/link-client.ts'
import type { ReplicatedLog } from './replicated-log.ts'
import type { Replication } from './replication.ts'
import { SlaveSynchronize, type SlaveSynchronizeParts } from './slave-synchronize.ts'

const TIMEOUT_MS = 3000

export interface SlaveReplicationParts extends Omit<SlaveSynchronizeParts, 'masterAddress'> {
  readonly config: BrokerConfig
  /** Where this broker would serve links if it were master. */
  readonly haPort: number
  /** See `LinkClientOptions`. */
  readonly onTooFarBehind: (minOffset: number) => void
}

/** A slave outside of controller mode: follows the master that the name servers name, or haMasterAddress. */
export class SlaveReplication implements Replication {
  readonly epochs = undefined
  readonly haAddress: string
  readonly #world: World
  readonly #client: RemotingClient
  readonly #log: ReplicatedLog
  readonly #link: LinkClient
  readonly #synchronize: SlaveSynchronize
  #masterAddress: string | undefined
  #masterHaAddress: string | undefined

  constructor(parts: SlaveReplicationParts) {
    const { world, client, log, config } = parts
    this.#world = world
    this.#client = client
    this.#log = log
    this.haAddress = printHost({ address: config.brokerIP2, port: parts.haPort })
    this.#synchronize = new SlaveSynchronize({ ...parts, masterAddress: () => this.#masterAddress })
    this.#link = new LinkClient(world, {
      log,
      masterHaAddress: () => config.haMasterAddress || this.#masterHaAddress,
      masterLog: () => this.#askMasterLog(),
      heartbeatIntervalMs: config.haSendHeartbeatInterval,
      silenceMs: config.haHousekeepingInterval,
      onTooFarBehind: parts.onTooFarBehind,
    })
    this.#link.start()
    this.#synchronize.start()
  }

  /** What a name server says of the group's master, with each registration; a master that is away is not forgotten. */
  masterIs(masterAddress: string, masterHaAddress: string): void {
    if (masterAddress === this.#masterAddress && masterHaAddress === this.#masterHaAddress) return
    this.#world.log.info({ masterAddress, masterHaAddress }, 'the name servers name this master')
    this.#masterAddress = masterAddress
    this.#masterHaAddress = masterHaAddress
  }

  status(): HARuntimeInfo {
    const { masterAddress, lastReadTimestamp, lastWriteTimestamp, bytesPerSecond } = this.#link.view
    return {
      master: false,
      masterCommitLogMaxOffset: 0,
      inSyncSlaveNums: 0,
      haConnectionInfo: [],
      haClientRuntimeInfo: {
        masterAddr: masterAddress,
        lastReadTimestamp,
        lastWriteTimestamp,
        maxOffset: this.#log.maxPhysicalOffset,
        masterFlushOffset: 0,
        transferredByteInSecond: bytesPerSecond,
      },
    }
  }

  async stop(): Promise<void> {
    await this.#link.stop()
    await this.#synchronize.stop()
  }

  async #askMasterLog(): Promise<MasterLog> {
    const address = this.#masterAddress
    if (address === undefined) throw new Error('no name server names a master of this group')
    const { body } = await this.#client.invoke(
      address,
      brokerRequests.getBrokerRuntimeInfo,
      {},
      { timeoutMs: TIMEOUT_MS },
    )
    const minOffset = Number(body?.table.get('commitLogMinOffset'))
    const maxOffset = Number(body?.table.get('commitLogMaxOffset'))
    if (!Number.isSafeInteger(minOffset) || !Number.isSafeInteger(maxOffset))
      throw new Error(`${address} does not say where its log begins and ends`)
    return { minOffset, maxOffset }
  }
}
