import type { DataVersion, TopicQueueMappingInfo } from '@rocketcluster/protocol'

/** What a queue may be used for (PermName.java): bits of `perm`. */
export const PERM_READ = 4
export const PERM_WRITE = 2

/** The broker id of a group's master (MixAll.java#MASTER_ID); every higher id is a slave. */
export const MASTER_ID = 0

/** How long a broker that names no time-out of its own may stay silent (RouteInfoManager.java). */
export const DEFAULT_BROKER_CHANNEL_EXPIRED_TIME_MS = 120_000

/** As much of a topic's configuration as a route needs. */
export interface RegisteredTopic {
  readonly topicName: string
  readonly readQueueNums: number
  readonly writeQueueNums: number
  readonly perm: number
  readonly topicSysFlag?: number
}

/** Identity of a connection: compared, never looked into. */
export type Channel = object

/** One broker's REGISTER_BROKER. */
export interface Registration {
  readonly clusterName: string
  readonly brokerName: string
  /** `host:port` that clients connect to. */
  readonly brokerAddr: string
  readonly brokerId: number
  readonly haServerAddr: string
  readonly zoneName?: string
  /** Silence after which the broker counts as gone. */
  readonly heartbeatTimeoutMs?: number
  /** undefined: a broker older than 5.0, which knows nothing of acting masters. */
  readonly enableActingMaster?: boolean
  /** Its `stateVersion` is the epoch of the broker's mastership. */
  readonly dataVersion: DataVersion
  readonly topics: readonly RegisteredTopic[]
  /** How many topics the broker listed, those included that were not fit to be registered. */
  readonly tableSize: number
  readonly topicQueueMappings?: readonly TopicQueueMappingInfo[]
  /** undefined: not said, what is known stays. */
  readonly filterServers?: string[]
  readonly channel: Channel
}

/** The smallest broker id of a group is another one now (NOTIFY_MIN_BROKER_ID_CHANGE). */
export interface MinBrokerIdChange {
  readonly brokerName: string
  readonly minBrokerId: number
  readonly minBrokerAddr: string
  readonly offlineBrokerAddr?: string
  readonly haBrokerAddr?: string
  /** Addresses of the brokers to tell. */
  readonly notify: readonly string[]
}

export type RegisterResult =
  | {
      readonly outcome: 'registered'
      /** Whether the broker was unknown before. */
      readonly first: boolean
      /** For a slave whose master is known: where it is, and where it replicates from. */
      readonly masterAddr?: string
      readonly haServerAddr?: string
      readonly minBrokerIdChange?: MinBrokerIdChange
    }
  /** A registration of a newer epoch stands; nothing was changed. */
  | { readonly outcome: 'stale'; readonly reason: string }
  /** Not acceptable as it is; nothing was changed. */
  | { readonly outcome: 'refused'; readonly reason: string }

/** A broker that is gone, and what follows from it. */
export interface Removal {
  readonly clusterName: string
  readonly brokerName: string
  readonly brokerId: number
  readonly brokerAddr: string
  readonly minBrokerIdChange?: MinBrokerIdChange
}

/** What the registry does differently when the configuration says so. */
export interface RegistryOptions {
  /** Forget a broker's topics that its registration does not list. */
  readonly deleteTopicWithBrokerRegistration: boolean
  /** Present the smallest slave of a group without master, whose queues are not writable, as broker 0. */
  readonly supportActingMaster: boolean
}
