import {
  predefinedGroups,
  ResponseError,
  type SubscriptionGroupConfig,
  subscriptionGroupWrapper,
} from '@rocketcluster/protocol'
import type { Log, World } from '@rocketcluster/world'
import { type DataVersion, firstVersion, nextVersion } from './data-version.ts'
import { JsonFile } from './json-file.ts'

export interface SubscriptionGroupsOptions {
  /** `<storePathRootDir>/config` */
  readonly directory: string
  readonly autoCreateSubscriptionGroup: boolean
}

/** A group's settings together with its name, which the wire form may leave out. */
export type NamedGroup = SubscriptionGroupConfig & { readonly groupName: string }

/** A group with RocketMQ's defaults (SubscriptionGroupConfig.java). */
export function subscriptionGroup(groupName: string): NamedGroup {
  return {
    groupName,
    consumeEnable: true,
    consumeFromMinEnable: true,
    consumeBroadcastEnable: true,
    consumeMessageOrderly: false,
    retryQueueNums: 1,
    retryMaxTimes: 16,
    groupRetryPolicy: { type: 'CUSTOMIZED' },
    brokerId: 0,
    whichBrokerWhenConsumeSlowly: 1,
    notifyConsumerIdsChangedEnable: true,
    groupSysFlag: 0,
    consumeTimeoutMinute: 15,
    attributes: new Map(),
  }
}

/** The consumer groups this broker knows: `config/subscriptionGroup.json` (SubscriptionGroupManager.java). */
export class SubscriptionGroups {
  readonly #table = new Map<string, NamedGroup>()
  readonly #creating = new Map<string, Promise<NamedGroup>>()
  /** group → topic → forbidden bits; bit 0 (value 1) forbids reading. */
  readonly #forbidden = new Map<string, Map<string, number>>()
  readonly #file: JsonFile
  readonly #world: World
  readonly #autoCreate: boolean
  dataVersion: DataVersion

  private constructor(world: World, options: SubscriptionGroupsOptions) {
    this.#world = world
    this.#autoCreate = options.autoCreateSubscriptionGroup
    this.dataVersion = firstVersion(world.clock)
    this.#file = new JsonFile(world.disk, options.directory, 'subscriptionGroup.json', () =>
      subscriptionGroupWrapper.encode(this.snapshot()),
    )
  }

  static async load(world: World, options: SubscriptionGroupsOptions, log: Log): Promise<SubscriptionGroups> {
    const groups = new SubscriptionGroups(world, options)
    const stored = await groups.#file.load(bytes => subscriptionGroupWrapper.decode(bytes), log)
    for (const name of predefinedGroups) groups.#table.set(name, subscriptionGroup(name))
    for (const [groupName, config] of stored?.subscriptionGroupTable ?? [])
      groups.#table.set(groupName, { ...config, groupName })
    for (const [group, topics] of stored?.forbiddenTable ?? []) groups.#forbidden.set(group, topics)
    if (stored?.dataVersion) groups.dataVersion = { ...stored.dataVersion }
    return groups
  }

  get(group: string): NamedGroup | undefined {
    return this.#table.get(group)
  }

  all(): IterableIterator<NamedGroup> {
    return this.#table.values()
  }

  get count(): number {
    return this.#table.size
  }

  /** The group, made on first use where that is allowed; undefined where it is not. Groups of the system always are. */
  find(group: string): NamedGroup | undefined | Promise<NamedGroup> {
    const known = this.#table.get(group)
    if (known && this.#creating.size === 0) return known
    const creating = this.#creating.get(group)
    if (creating) return creating
    if (known) return known
    if (!this.#autoCreate && !group.startsWith('CID_RMQ_SYS_')) return undefined
    const config = subscriptionGroup(group)
    const creation = this.put(config)
      .then(() => config)
      .finally(() => this.#creating.delete(group))
    this.#creating.set(group, creation)
    return creation
  }

  /** Creates or replaces a group; resolves when that is on disk. */
  async put(config: NamedGroup): Promise<void> {
    const before = this.#table.get(config.groupName)
    this.#table.set(config.groupName, config)
    this.dataVersion = nextVersion(this.dataVersion, this.#world.clock)
    try {
      await this.#file.save()
    } catch (error) {
      if (before) this.#table.set(config.groupName, before)
      else this.#table.delete(config.groupName)
      throw new ResponseError(
        'SYSTEM_ERROR',
        `subscription group ${config.groupName} cannot be stored: ${(error as Error).message}`,
        { cause: error },
      )
    }
  }

  async delete(group: string): Promise<boolean> {
    this.#forbidden.delete(group)
    if (!this.#table.delete(group)) return false
    this.dataVersion = nextVersion(this.dataVersion, this.#world.clock)
    await this.#file.save()
    return true
  }

  isReadForbidden(group: string, topic: string): boolean {
    return ((this.#forbidden.get(group)?.get(topic) ?? 0) & 1) === 1
  }

  async forbidReading(group: string, topic: string, forbidden: boolean): Promise<void> {
    let topics = this.#forbidden.get(group)
    if (!topics) this.#forbidden.set(group, (topics = new Map()))
    const bits = ((topics.get(topic) ?? 0) & ~1) | (forbidden ? 1 : 0)
    if (bits === 0) topics.delete(topic)
    else topics.set(topic, bits)
    if (topics.size === 0) this.#forbidden.delete(group)
    this.dataVersion = nextVersion(this.dataVersion, this.#world.clock)
    await this.#file.save()
  }

  save(): Promise<void> {
    return this.#file.save()
  }

  snapshot() {
    return { dataVersion: this.dataVersion, forbiddenTable: this.#forbidden, subscriptionGroupTable: this.#table }
  }
}
