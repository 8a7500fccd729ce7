import type { ConsumerData, HeartbeatData, SubscriptionData } from '@rocketcluster/protocol'
import type { Clock } from '@rocketcluster/world'

/**
 * What the registry needs to know of a connection; a ServerConnection of remoting has it all. It is told apart by
 * identity: each of the broker's two ports counts its connections from 0.
 */
export interface ClientChannel {
  readonly remoteAddress: string
}

export interface ClientInfo<C extends ClientChannel = ClientChannel> {
  readonly clientId: string
  readonly channel: C
  readonly language: string
  readonly version: number
  lastUpdateMs: number
}

/** One consumer group as its members describe it (ConsumerGroupInfo.java). */
export interface ConsumerGroup<C extends ClientChannel = ClientChannel> {
  readonly groupName: string
  consumeType: ConsumerData['consumeType']
  messageModel: ConsumerData['messageModel']
  consumeFromWhere: ConsumerData['consumeFromWhere']
  readonly subscriptions: Map<string, SubscriptionData>
  /** Of the newest heartbeat: a hash of its sender's subscriptions; 0 where the client makes none. */
  fingerprint: number
  readonly members: Map<C, ClientInfo<C>>
}

export interface HeartbeatSender<C extends ClientChannel> {
  readonly channel: C
  readonly language: string
  readonly version: number
}

/** ClientChannelInfo expiry (ProducerManager.java, ConsumerManager.java): 120 s without a heartbeat. */
const CHANNEL_EXPIRED_MS = 120_000

/**
 * Who is connected: producers and consumers by group, each with its channel. Nothing here survives a restart; clients
 * send heartbeats every 30 s, at once when they connect, and pulls carry their own subscription where it matters.
 */
export class ClientRegistry<C extends ClientChannel> {
  readonly #clock: Clock
  readonly #consumers = new Map<string, ConsumerGroup<C>>()
  readonly #producers = new Map<string, Map<C, ClientInfo<C>>>()
  /** By client id, whatever its groups: who waits for a reply. The connection that was heard of last. */
  readonly #producerClients = new Map<string, ClientInfo<C>>()
  /** The groups that each channel is in, so that a closed connection costs what it holds and not a walk over all. */
  readonly #groupsOfChannel = new Map<C, { consumers: Set<string>; producers: Set<string> }>()
  /** Told when a group's members changed; the owner notifies the members that remain. */
  onMembersChanged: (group: string) => void = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns true when any subscription of the client's groups changed. */
  heartbeat(data: HeartbeatData, sender: HeartbeatSender<C>): boolean {
    const info: ClientInfo<C> = { clientId: data.clientID, ...sender, lastUpdateMs: this.#clock.monotonicMs() }
    let changed = false
    for (const { groupName } of data.producerDataSet ?? []) this.#addProducer(groupName, info)
    for (const consumer of data.consumerDataSet ?? []) {
      if (this.#addConsumer(consumer, info, data)) changed = true
    }
    return changed
  }

  #addProducer(groupName: string, info: ClientInfo<C>): void {
    let members = this.#producers.get(groupName)
    if (!members) this.#producers.set(groupName, (members = new Map()))
    if (refresh(members, info)) return
    this.#producerClients.set(info.clientId, info)
    members.set(info.channel, info)
    this.#groupsOf(info.channel).producers.add(groupName)
  }

  #addConsumer(data: ConsumerData, info: ClientInfo<C>, { withoutSub, heartbeatFingerprint }: HeartbeatData): boolean {
    let group = this.#consumers.get(data.groupName)
    if (!group) {
      group = {
        groupName: data.groupName,
        consumeType: data.consumeType,
        messageModel: data.messageModel,
        consumeFromWhere: data.consumeFromWhere,
        subscriptions: new Map(),
        fingerprint: heartbeatFingerprint,
        members: new Map(),
      }
      this.#consumers.set(data.groupName, group)
    }
    group.consumeType = data.consumeType
    group.messageModel = data.messageModel
    group.consumeFromWhere = data.consumeFromWhere
    const joined = !refresh(group.members, info)
    if (joined) {
      group.members.set(info.channel, info)
      this.#groupsOf(info.channel).consumers.add(data.groupName)
    }
    const subscribed = withoutSub ? false : updateSubscriptions(group, data.subscriptionDataSet ?? [])
    if (joined || subscribed) this.onMembersChanged(data.groupName)
    // Two members that do not agree: each has to tell its subscriptions again, or those of one stay forgotten for ever.
    const disagrees = heartbeatFingerprint !== 0 && group.fingerprint !== heartbeatFingerprint
    group.fingerprint = heartbeatFingerprint
    return joined || subscribed || disagrees
  }

  unregister(clientId: string, channel: C, producerGroup?: string, consumerGroup?: string): void {
    if (producerGroup) this.#removeProducer(producerGroup, channel, clientId)
    if (consumerGroup) this.#removeConsumer(consumerGroup, channel, clientId)
  }

  channelClosed(channel: C): void {
    const groups = this.#groupsOfChannel.get(channel)
    if (!groups) return
    this.#groupsOfChannel.delete(channel)
    for (const group of groups.producers) this.#removeProducer(group, channel)
    for (const group of groups.consumers) this.#removeConsumer(group, channel)
  }

  /** Drops clients whose heartbeats stopped although the connection stands; returns their channels to be closed. */
  expire(): C[] {
    const oldest = this.#clock.monotonicMs() - CHANNEL_EXPIRED_MS
    const silent = new Set<C>()
    const members = [...this.#producers.values(), ...[...this.#consumers.values()].map(group => group.members)]
    for (const group of members)
      for (const info of group.values()) if (info.lastUpdateMs < oldest) silent.add(info.channel)
    for (const channel of silent) this.channelClosed(channel)
    return [...silent]
  }

  consumerGroup(group: string): ConsumerGroup<C> | undefined {
    return this.#consumers.get(group)
  }

  consumerGroups(): IterableIterator<ConsumerGroup<C>> {
    return this.#consumers.values()
  }

  producers(group: string): readonly ClientInfo<C>[] {
    return [...(this.#producers.get(group)?.values() ?? [])]
  }

  /** A producer by its client id, in whichever group. */
  findProducer(clientId: string): ClientInfo<C> | undefined {
    return this.#producerClients.get(clientId)
  }

  producerGroups(): IterableIterator<[string, ReadonlyMap<C, ClientInfo<C>>]> {
    return this.#producers.entries()
  }

  clientIds(group: string): string[] {
    return [...new Set([...(this.#consumers.get(group)?.members.values() ?? [])].map(info => info.clientId))]
  }

  findConsumer(group: string, clientId: string): ClientInfo<C> | undefined {
    for (const info of this.#consumers.get(group)?.members.values() ?? []) if (info.clientId === clientId) return info
    return undefined
  }

  /** Groups that subscribe to a topic now. */
  groupsConsuming(topic: string): string[] {
    return [...this.#consumers.values()].filter(group => group.subscriptions.has(topic)).map(group => group.groupName)
  }

  #removeProducer(group: string, channel: C, clientId?: string): void {
    const members = this.#producers.get(group)
    const info = members?.get(channel)
    if (!members || !info || (clientId !== undefined && info.clientId !== clientId)) return
    members.delete(channel)
    const left = this.#groupsOfChannel.get(channel)?.producers
    left?.delete(group)
    if (!left?.size && this.#producerClients.get(info.clientId)?.channel === channel)
      this.#producerClients.delete(info.clientId)
    if (members.size === 0) this.#producers.delete(group)
  }

  #removeConsumer(groupName: string, channel: C, clientId?: string): void {
    const group = this.#consumers.get(groupName)
    const info = group?.members.get(channel)
    if (!group || !info || (clientId !== undefined && info.clientId !== clientId)) return
    group.members.delete(channel)
    this.#groupsOfChannel.get(channel)?.consumers.delete(groupName)
    if (group.members.size === 0) this.#consumers.delete(groupName)
    this.onMembersChanged(groupName)
  }

  #groupsOf(channel: C) {
    let groups = this.#groupsOfChannel.get(channel)
    if (!groups) this.#groupsOfChannel.set(channel, (groups = { consumers: new Set(), producers: new Set() }))
    return groups
  }
}

/** A member that is known has its time moved on; false when it is new on this channel. */
function refresh<C extends ClientChannel>(members: Map<C, ClientInfo<C>>, info: ClientInfo<C>): boolean {
  const known = members.get(info.channel)
  if (known?.clientId !== info.clientId) return false
  known.lastUpdateMs = info.lastUpdateMs
  return true
}

/** Takes the newest version of each subscription and drops topics that are not in the set any more. */
function updateSubscriptions<C extends ClientChannel>(
  group: ConsumerGroup<C>,
  subscriptions: readonly SubscriptionData[],
): boolean {
  let changed = false
  for (const subscription of subscriptions) {
    const known = group.subscriptions.get(subscription.topic)
    if (!known) changed = true
    if (!known || subscription.subVersion > known.subVersion) group.subscriptions.set(subscription.topic, subscription)
  }
  for (const topic of group.subscriptions.keys()) {
    if (subscriptions.some(subscription => subscription.topic === topic)) continue
    group.subscriptions.delete(topic)
    changed = true
  }
  return changed
}
