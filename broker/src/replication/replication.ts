import type { HARuntimeInfo } from '@rocketcluster/protocol'

/** Where an epoch begins in the log (EpochEntry.java); it ends where the next one begins. */
export interface Epoch {
  readonly epoch: number
  /** Physical offset of its first byte. */
  readonly startOffset: number
}

/** What a broker does for its group in its present role: it serves its log to replicas, or follows a master's. */
export interface Replication {
  /** `brokerIP2:port` at which replicas find the log; registered with the name servers. */
  readonly haAddress: string
  /** Oldest first; undefined outside of controller mode. */
  readonly epochs: readonly Epoch[] | undefined
  /** Resolves when clients can be served: what is in the log is readable, or it takes too long. At once without. */
  ready?(): Promise<void>
  /** A master's topics, groups or offsets have changed: resolves when every replica that is waited for has that. Throws ResponseError. */
  metadataChanged?(): Promise<void>
  /** A replica takes over what the master of this epoch knows. Resolves when that is on its disk. Throws ResponseError. */
  synchronize?(masterEpoch: number): Promise<void>
  /** As GET_BROKER_HA_STATUS tells it. */
  status(): HARuntimeInfo
  /** Resolves when no link is open any more and nothing of it is written. */
  stop(): Promise<void>
}
