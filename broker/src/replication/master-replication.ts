import type { BrokerConfig } from '@rocketcluster/config'
import { type HARuntimeInfo, printHost } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import { LinkServer, type LinkView } from './links/link-server.ts'
import type { ReplicatedLog } from './replicated-log.ts'
import type { Replication } from './replication.ts'

export interface MasterReplicationParts {
  readonly world: World
  /** Live: read at every use. */
  readonly config: BrokerConfig
  readonly log: ReplicatedLog
  /** 0 takes any free port. */
  readonly port: number
  /** Says why messages are refused, or with undefined that they are taken again. */
  readonly refuseWrites: (reason: string | undefined) => void
}

/**
 * A master outside of controller mode: serves its log to whoever connects, and with SYNC_MASTER keeps producers waiting until
 * `inSyncReplicas` members, itself included, have their messages (GroupTransferService.java).
 */
export class MasterReplication implements Replication {
  readonly epochs = undefined
  readonly #parts: MasterReplicationParts
  #server: LinkServer | undefined

  /** Throws NetworkError when the port cannot be had. */
  static async start(parts: MasterReplicationParts): Promise<MasterReplication> {
    const replication = new MasterReplication(parts)
    const { world, config, log, port } = parts
    replication.#server = await LinkServer.start(world, {
      host: config.bindAddress,
      port,
      log,
      heartbeatIntervalMs: config.haSendHeartbeatInterval,
      silenceMs: config.haHousekeepingInterval,
      onChange: () => replication.#changed(),
    })
    replication.#changed()
    return replication
  }

  private constructor(parts: MasterReplicationParts) {
    this.#parts = parts
  }

  get haAddress(): string {
    return printHost({ address: this.#parts.config.brokerIP2, port: this.#server!.port })
  }

  status(): HARuntimeInfo {
    const { maxPhysicalOffset: end } = this.#parts.log
    const slaves = this.#slaves
    return {
      master: true,
      masterCommitLogMaxOffset: end,
      inSyncSlaveNums: slaves.filter(slave => this.#isInSync(slave)).length,
      haConnectionInfo: slaves.map(slave => ({
        addr: slave.address,
        slaveAckOffset: slave.ackOffset,
        diff: end - slave.ackOffset,
        inSync: this.#isInSync(slave),
        transferredByteInSecond: slave.bytesPerSecond,
        transferFromWhere: slave.sentOffset,
      })),
      haClientRuntimeInfo: undefined,
    }
  }

  async stop(): Promise<void> {
    await this.#server?.stop()
    // Who still waits gets the answer that the disk gives.
    this.#parts.log.replicated(Number.POSITIVE_INFINITY)
    this.#parts.refuseWrites(undefined)
  }

  get #slaves(): readonly LinkView[] {
    return this.#server?.slaves ?? []
  }

  #isInSync({ ackOffset }: LinkView): boolean {
    return this.#parts.log.maxPhysicalOffset - ackOffset < this.#parts.config.haMaxGapNotInSync
  }

  #changed(): void {
    const { config, log, refuseWrites } = this.#parts
    if (config.brokerRole !== 'SYNC_MASTER') return
    const inSync = this.#slaves.filter(slave => this.#isInSync(slave))
    const members = inSync.length + 1
    refuseWrites(
      members < config.minInSyncReplicas
        ? `in-sync replicas not enough: ${members} of the ${config.minInSyncReplicas} that minInSyncReplicas asks for, this master included`
        : undefined,
    )
    const wanted = config.enableAutoInSyncReplicas
      ? Math.max(config.minInSyncReplicas, Math.min(config.inSyncReplicas, members))
      : config.inSyncReplicas
    const acknowledged = this.#slaves.map(({ ackOffset }) => ackOffset).sort((a, b) => b - a)
    // With one member nobody is waited for; the slave that decides is the one who completes the number.
    log.replicated(wanted <= 1 ? Number.POSITIVE_INFINITY : (acknowledged[wanted - 2] ?? 0))
  }
}
