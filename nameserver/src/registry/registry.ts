import {
  type BrokerData,
  type DataVersion,
  type QueueData,
  sameDataVersion,
  type TopicRouteData,
} from '@rocketcluster/protocol'
import { TopicTable } from './topic-table.ts'
import {
  type Channel,
  DEFAULT_BROKER_CHANNEL_EXPIRED_TIME_MS,
  MASTER_ID,
  type MinBrokerIdChange,
  PERM_READ,
  PERM_WRITE,
  type RegisterResult,
  type Registration,
  type RegistryOptions,
  type Removal,
} from './types.ts'

/** One broker that has registered and not been heard to leave. */
interface Member {
  readonly group: Group
  /** Where it stands in the table of members; under the cluster name that it uses itself. */
  readonly key: string
  readonly clusterName: string
  readonly brokerId: number
  readonly brokerAddr: string
  haServerAddr: string
  dataVersion: DataVersion
  heartbeatTimeoutMs: number
  lastUpdateMs: number
  channel: Channel
  filterServers: string[]
}

interface Group {
  readonly brokerName: string
  cluster: string
  enableActingMaster: boolean
  zoneName?: string
  readonly members: Map<number, Member>
}

/** What is known of one connection: the highest stateVersion that each broker behind it has spoken with. */
type Spoken = Map<string, number>

/** Who an unregister or a heartbeat is about, and over which connection it came. */
export interface BrokerReference {
  readonly clusterName: string
  readonly brokerAddr: string
  readonly channel: Channel
  /** The epoch the sender speaks for, when the request says it. */
  readonly stateVersion?: number
}

export interface RegistrySizes {
  readonly topics: number
  readonly brokers: number
  readonly groups: number
  readonly clusters: number
}

/**
 * The routes: which broker groups exist, where their members are, and which topics they hold (RouteInfoManager.java).
 * Pure: no input or output, and the time is always an argument, in milliseconds of a clock that never goes back.
 *
 * Beyond Apache's rules, mastership is fenced by epoch. Old and new master of a group may share address and id, so what
 * comes for broker 0 with a lower `DataVersion.stateVersion` than the one registered is ignored, be it a registration,
 * a heartbeat or an unregister; and a closed connection takes along only what was registered over it last.
 */
export class RouteRegistry {
  readonly #options: RegistryOptions
  readonly #topics = new TopicTable()
  readonly #groups = new Map<string, Group>()
  readonly #clusters = new Map<string, Set<string>>()
  /** By cluster and address, as RouteInfoManager.java#brokerLiveTable. */
  readonly #members = new Map<string, Member>()
  readonly #channels = new Map<Channel, Spoken>()
  #revision = 0

  /** The options are read at every use: they may change while the registry lives. */
  constructor(options: RegistryOptions) {
    this.#options = options
  }

  /** Grows with every change that an answer could show: whoever keeps an answer can tell by it whether it is still true. */
  get revision(): number {
    return this.#revision + this.#topics.revision
  }

  get sizes(): RegistrySizes {
    return {
      topics: this.#topics.size,
      brokers: this.#members.size,
      groups: this.#groups.size,
      clusters: this.#clusters.size,
    }
  }

  register(registration: Registration, nowMs: number): RegisterResult {
    const { clusterName, brokerName, brokerAddr, brokerId, dataVersion, channel } = registration
    const key = memberKey(clusterName, brokerAddr)
    const known = this.#groups.get(brokerName)
    const current = known?.members.get(brokerId)
    const sameAddr = this.#members.get(key)
    this.#speak(channel, key, dataVersion.stateVersion)

    const stale = staleReason(registration, current) ?? staleReason(registration, sameAddr)
    if (stale !== undefined) return { outcome: 'stale', reason: stale }
    // Brokers announce a single new topic by a registration of that topic alone (enableSingleTopicRegister). From a
    // broker that is not known here it would look like its whole table.
    if (!current && registration.tableSize === 1)
      return {
        outcome: 'refused',
        reason: `broker ${brokerId} of ${brokerName} has not registered yet, and a registration of one topic alone is only an addition`,
      }

    const prevMinBrokerId = known ? minBrokerId(known) : undefined
    const again = current !== undefined && current === sameAddr
    // One address is one process: what stood there before under another id or name has gone.
    if (sameAddr) this.#takeOut(sameAddr)
    if (current) this.#takeOut(current)
    const group = this.#groupFor(registration)
    const member: Member = {
      group,
      key,
      clusterName,
      brokerId,
      brokerAddr,
      haServerAddr: registration.haServerAddr,
      dataVersion,
      heartbeatTimeoutMs: registration.heartbeatTimeoutMs ?? DEFAULT_BROKER_CHANNEL_EXPIRED_TIME_MS,
      lastUpdateMs: nowMs,
      channel,
      filterServers: registration.filterServers ?? (again ? current.filterServers : []),
    }
    group.members.set(brokerId, member)
    this.#members.set(key, member)
    if (!again || !sameTexts(current.filterServers, member.filterServers)) this.#revision++
    if (sameAddr && sameAddr.group !== group) this.#dropIfEmpty(sameAddr.group)
    this.#registerTopics(registration, group, again && sameDataVersion(current.dataVersion, dataVersion))

    const master = brokerId === MASTER_ID ? undefined : group.members.get(MASTER_ID)
    return {
      outcome: 'registered',
      first: current === undefined,
      masterAddr: master?.brokerAddr,
      haServerAddr: master?.haServerAddr,
      minBrokerIdChange:
        prevMinBrokerId !== undefined && brokerId < prevMinBrokerId
          ? minBrokerIdChange(group, { haBrokerAddr: member.haServerAddr })
          : undefined,
    }
  }

  /** Takes a broker out at its own wish; undefined when it is not there, or the wish is of a master of an earlier epoch. */
  unregister(reference: BrokerReference): Removal | undefined {
    const member = this.#members.get(memberKey(reference.clusterName, reference.brokerAddr))
    return member && !this.#isStale(member, reference) ? this.#remove(member) : undefined
  }

  /** A sign of life. False when it counts for nothing: the broker is not registered, or is a master of an earlier epoch. */
  heartbeat(reference: BrokerReference, nowMs: number): boolean {
    const member = this.#members.get(memberKey(reference.clusterName, reference.brokerAddr))
    if (!member || this.#isStale(member, reference)) return false
    member.lastUpdateMs = nowMs
    return true
  }

  /** The version a broker last registered its topics with. */
  dataVersionOf(clusterName: string, brokerAddr: string): DataVersion | undefined {
    return this.#members.get(memberKey(clusterName, brokerAddr))?.dataVersion
  }

  /** Whether a broker that is at `dataVersion` has something to register (QUERY_DATA_VERSION). */
  isChanged(clusterName: string, brokerAddr: string, dataVersion: DataVersion): boolean {
    const known = this.dataVersionOf(clusterName, brokerAddr)
    return known === undefined || !sameDataVersion(known, dataVersion)
  }

  /** Takes out all brokers that were silent for longer than they said they would be. */
  expire(nowMs: number): { removals: Removal[]; channels: Channel[] } {
    const expired = [...this.#members.values()].filter(
      member => member.lastUpdateMs + member.heartbeatTimeoutMs < nowMs,
    )
    const removals = expired.map(member => this.#remove(member))
    // Apache closes the connection of a broker that fell silent, so that it notices. Not while others still use it.
    const inUse = new Set([...this.#members.values()].map(member => member.channel))
    const channels = new Set(expired.map(member => member.channel).filter(channel => !inUse.has(channel)))
    return { removals, channels: [...channels] }
  }

  /** Takes out at once every broker whose last registration came over this connection. */
  channelClosed(channel: Channel): Removal[] {
    const spoken = this.#channels.get(channel)
    this.#channels.delete(channel)
    const removals: Removal[] = []
    for (const key of spoken?.keys() ?? []) {
      const member = this.#members.get(key)
      if (member?.channel === channel) removals.push(this.#remove(member))
    }
    return removals
  }

  /** Where to find a topic; undefined when nobody has it. Brokers come in the order of their names. */
  routeOf(topic: string): TopicRouteData | undefined {
    const queues = this.#topics.queues(topic)
    if (!queues) return undefined
    const queueDatas = [...queues.values()].sort((a, b) => (a.brokerName < b.brokerName ? -1 : 1))
    const brokerDatas: BrokerData[] = []
    const filterServerTable = new Map<string, string[]>()
    for (const queueData of queueDatas) {
      const group = this.#groups.get(queueData.brokerName)
      if (!group) continue
      brokerDatas.push(this.#actsAsMaster(group, queueData, topic) ? actingMaster(group) : brokerData(group))
      for (const member of group.members.values())
        if (member.filterServers.length > 0) filterServerTable.set(member.brokerAddr, member.filterServers)
    }
    if (brokerDatas.length === 0) return undefined
    return { queueDatas, brokerDatas, filterServerTable, topicQueueMappingByBroker: this.#topics.mappings(topic) }
  }

  /** All groups by name, and the names of the groups of each cluster. */
  clusterInfo(): { brokerAddrTable: Map<string, BrokerData>; clusterAddrTable: Map<string, string[]> } {
    return {
      brokerAddrTable: new Map([...this.#groups].map(([name, group]) => [name, brokerData(group)])),
      clusterAddrTable: new Map([...this.#clusters].map(([cluster, names]) => [cluster, [...names]])),
    }
  }

  /** Where the members of one group are; empty when it is unknown. */
  memberGroup(brokerName: string): Map<number, string> {
    const group = this.#groups.get(brokerName)
    return group ? addresses(group) : new Map()
  }

  hasGroup(brokerName: string): boolean {
    return this.#groups.has(brokerName)
  }

  allTopics(): string[] {
    return [...this.#topics.names()]
  }

  topicsOfCluster(clusterName: string): string[] {
    const topics = new Set<string>()
    for (const brokerName of this.#clusters.get(clusterName) ?? [])
      for (const topic of this.#topics.topicsOf(brokerName)) topics.add(topic)
    return [...topics]
  }

  /** The topics that brokers have for being there (named after cluster and group), and the address of one broker. */
  systemTopics(): { topics: string[]; brokerAddr?: string } {
    const topics = [...this.#clusters].flatMap(([cluster, names]) => [cluster, ...names])
    const first: Member | undefined = this.#members.values().next().value
    return { topics: [...new Set(topics)], brokerAddr: first?.brokerAddr }
  }

  /** Topics whose topicSysFlag, as one of their groups has it, satisfies the test. */
  topicsBySysFlag(test: (topicSysFlag: number) => boolean): string[] {
    return this.allTopics().filter(topic => {
      const first: QueueData | undefined = this.#topics.queues(topic)?.values().next().value
      return first !== undefined && test(first.topicSysFlag)
    })
  }

  /** Adds queues of a topic to groups that are registered; returns the name of one that is not, and then changes nothing. */
  registerTopic(topic: string, queueDatas: readonly QueueData[]): string | undefined {
    const unknown = queueDatas.find(({ brokerName }) => !this.#groups.has(brokerName))
    if (unknown) return unknown.brokerName
    for (const queueData of queueDatas) this.#topics.put(queueData.brokerName, { ...queueData, topicName: topic })
    return undefined
  }

  /** Forgets a topic, everywhere or on the groups of one cluster. A broker that still has it brings it back. */
  deleteTopic(topic: string, clusterName?: string): void {
    if (clusterName === undefined) this.#topics.removeTopic(topic)
    else for (const brokerName of this.#clusters.get(clusterName) ?? []) this.#topics.remove(topic, brokerName)
  }

  /** Takes the write permission off all topics of a group; returns how many it has. */
  wipeWritePerm(brokerName: string): number {
    return this.#topics.changePerm(brokerName, perm => perm & ~PERM_WRITE)
  }

  /** Sets all topics of a group to readable and writable, whatever they were; returns how many it has. */
  addWritePerm(brokerName: string): number {
    return this.#topics.changePerm(brokerName, () => PERM_READ | PERM_WRITE)
  }

  #registerTopics(registration: Registration, group: Group, unchanged: boolean): void {
    const { brokerName, brokerId, topics, topicQueueMappings = [] } = registration
    const isMaster = brokerId === MASTER_ID
    const isPrimeSlave = !isMaster && registration.enableActingMaster !== undefined && brokerId === minBrokerId(group)
    if (!isMaster && !isPrimeSlave) return

    if (this.#options.deleteTopicWithBrokerRegistration && topicQueueMappings.length === 0) {
      const listed = new Set(topics.map(topic => topic.topicName))
      for (const topic of [...this.#topics.topicsOf(brokerName)])
        if (!listed.has(topic)) this.#topics.remove(topic, brokerName)
    }
    const wipe = isPrimeSlave && group.enableActingMaster
    for (const topic of topics)
      if (!unchanged || !this.#topics.has(topic.topicName, brokerName))
        this.#topics.put(brokerName, topic, wipe ? topic.perm & ~PERM_WRITE : topic.perm)
    if (unchanged) return
    for (const mapping of topicQueueMappings)
      if (mapping.topic !== undefined) this.#topics.putMapping(mapping.topic, mapping.bname ?? brokerName, mapping)
  }

  /** The group of a registration, brought up to date with it. */
  #groupFor({ clusterName, brokerName, zoneName, enableActingMaster = false }: Registration): Group {
    let group = this.#groups.get(brokerName)
    if (!group) {
      group = { brokerName, cluster: clusterName, enableActingMaster, zoneName, members: new Map() }
      this.#groups.set(brokerName, group)
      this.#joinCluster(group)
      return group
    }
    if (group.zoneName !== zoneName || group.enableActingMaster !== enableActingMaster) {
      group.zoneName = zoneName
      group.enableActingMaster = enableActingMaster
      this.#revision++
    }
    if (group.cluster !== clusterName) {
      this.#leaveCluster(group)
      group.cluster = clusterName
      this.#joinCluster(group)
    }
    return group
  }

  #joinCluster(group: Group): void {
    const names = this.#clusters.get(group.cluster)
    if (names) names.add(group.brokerName)
    else this.#clusters.set(group.cluster, new Set([group.brokerName]))
    this.#revision++
  }

  #leaveCluster(group: Group): void {
    const names = this.#clusters.get(group.cluster)
    names?.delete(group.brokerName)
    if (names?.size === 0) this.#clusters.delete(group.cluster)
    this.#revision++
  }

  /** Takes a member out with all that hangs on it. */
  #remove(member: Member): Removal {
    const { group, clusterName, brokerId, brokerAddr } = member
    const wasMin = brokerId === minBrokerId(group)
    this.#takeOut(member)
    this.#dropIfEmpty(group)
    const remains = group.members.size > 0 && group.enableActingMaster
    if (remains && !group.members.has(MASTER_ID)) this.wipeWritePerm(group.brokerName)
    return {
      clusterName,
      brokerName: group.brokerName,
      brokerId,
      brokerAddr,
      minBrokerIdChange: remains && wasMin ? minBrokerIdChange(group, { offlineBrokerAddr: brokerAddr }) : undefined,
    }
  }

  /** Takes a member out of the tables; its group stays, empty or not. */
  #takeOut(member: Member): void {
    if (this.#members.get(member.key) === member) this.#members.delete(member.key)
    if (member.group.members.get(member.brokerId) === member) member.group.members.delete(member.brokerId)
  }

  /** The last member takes its group and the group's topics with it. */
  #dropIfEmpty(group: Group): void {
    this.#revision++
    if (group.members.size > 0) return
    this.#groups.delete(group.brokerName)
    this.#leaveCluster(group)
    this.#topics.removeBroker(group.brokerName)
  }

  #actsAsMaster(group: Group, queueData: QueueData, topic: string): boolean {
    return (
      this.#options.supportActingMaster &&
      group.enableActingMaster &&
      !group.members.has(MASTER_ID) &&
      (queueData.perm & PERM_WRITE) === 0 &&
      // By these topics the members of a group find one another; they need to see who is there (TopicValidator.java).
      !topic.startsWith('rmq_sys_SYNC_BROKER_MEMBER_')
    )
  }

  #speak(channel: Channel, key: string, stateVersion: number): void {
    let spoken = this.#channels.get(channel)
    if (!spoken) {
      spoken = new Map()
      this.#channels.set(channel, spoken)
    }
    spoken.set(key, Math.max(stateVersion, spoken.get(key) ?? 0))
  }

  #isStale(member: Member, { clusterName, brokerAddr, channel, stateVersion }: BrokerReference): boolean {
    if (member.brokerId !== MASTER_ID) return false
    const speaksFor = stateVersion ?? this.#channels.get(channel)?.get(memberKey(clusterName, brokerAddr)) ?? 0
    return speaksFor < member.dataVersion.stateVersion
  }
}

function memberKey(clusterName: string, brokerAddr: string): string {
  return `${clusterName}\n${brokerAddr}`
}

function minBrokerId(group: Group): number {
  let min = Number.POSITIVE_INFINITY
  for (const brokerId of group.members.keys()) if (brokerId < min) min = brokerId
  return min
}

function addresses(group: Group): Map<number, string> {
  const ids = [...group.members.keys()].sort((a, b) => a - b)
  return new Map(ids.map(brokerId => [brokerId, group.members.get(brokerId)!.brokerAddr]))
}

function brokerData(group: Group, brokerAddrs: Map<number, string> = addresses(group)): BrokerData {
  const { cluster, brokerName, zoneName, enableActingMaster } = group
  return { cluster, brokerName, brokerAddrs, zoneName, enableActingMaster }
}

/** A group without master as old clients must see it: the smallest slave answers under the master's id. */
function actingMaster(group: Group): BrokerData {
  const [[, acting], ...others] = [...addresses(group)] as [[number, string], ...[number, string][]]
  return brokerData(group, new Map([[MASTER_ID, acting], ...others]))
}

/** Why a registration must not replace what is registered, if so. */
function staleReason(
  { brokerName, brokerId, brokerAddr, dataVersion }: Registration,
  standing?: Member,
): string | undefined {
  if (!standing || standing.dataVersion.stateVersion <= dataVersion.stateVersion) return undefined
  // A slave may restart with a store that knows less, at its own address. A master may not come back from the past.
  if (standing.brokerId !== MASTER_ID && standing.brokerAddr === brokerAddr) return undefined
  return (
    `broker ${brokerId} of ${brokerName} at ${brokerAddr} speaks for stateVersion ${dataVersion.stateVersion}, but ` +
    `broker ${standing.brokerId} at ${standing.brokerAddr} is registered with stateVersion ${standing.dataVersion.stateVersion}`
  )
}

function minBrokerIdChange(
  group: Group,
  why: { offlineBrokerAddr?: string; haBrokerAddr?: string },
): MinBrokerIdChange {
  const brokerAddrs = addresses(group)
  const min = minBrokerId(group)
  // The newcomer knows that it is there; when somebody went, or nobody else is there, all that remain are told.
  const told =
    why.offlineBrokerAddr !== undefined || brokerAddrs.size === 1
      ? [...brokerAddrs]
      : [...brokerAddrs].filter(([id]) => id !== min)
  return {
    brokerName: group.brokerName,
    minBrokerId: min,
    minBrokerAddr: brokerAddrs.get(min)!,
    ...why,
    notify: told.map(([, address]) => address),
  }
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index])
}
