import {
  groupProblem,
  predefinedGroups,
  ResponseError,
  type SubscriptionGroupConfig,
  subscriptionGroupWrapper,
} from '@rocketcluster/protocol'
import type { Log, World } from '@rocketcluster/world'
import type { DataVersion } from './data-version.ts'
import { DurableTable } from './durable-table.ts'

export interface SubscriptionGroupsOptions {
  /** Live: read at every use. */
  readonly autoCreateSubscriptionGroup: boolean
}

/** SubscriptionGroupManager.java: 1 << PermName.INDEX_PERM_READ. */
const FORBIDS_READING = 1 << 2

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
  /** Told once a change that somebody asked for is on disk; who asked waits for it. */
  onChange: () => Promise<void> = async () => {}
  readonly #table: DurableTable<NamedGroup>
  readonly #creating = new Map<string, Promise<NamedGroup>>()
  /** group → topic → forbidden bits. */
  #forbidden = new Map<string, Map<string, number>>()
  readonly #log: Log
  readonly #options: SubscriptionGroupsOptions

  private constructor(world: World, options: SubscriptionGroupsOptions, directory: string, log: Log) {
    this.#log = log
    this.#options = options
    this.#table = new DurableTable(world, {
      directory,
      name: 'subscriptionGroup.json',
      print: (subscriptionGroupTable, dataVersion) =>
        subscriptionGroupWrapper.encode({ dataVersion, forbiddenTable: this.#forbidden, subscriptionGroupTable }),
    })
  }

  /** `directory` is `<storePathRootDir>/config`. Throws when what is stored there cannot be read. */
  static async load(
    world: World,
    options: SubscriptionGroupsOptions,
    directory: string,
    log: Log,
  ): Promise<SubscriptionGroups> {
    const groups = new SubscriptionGroups(world, options, directory, log)
    const stored = await groups.#table.load(bytes => subscriptionGroupWrapper.decode(bytes), log)
    groups.#table.fill([...predefinedGroups].map(name => [name, subscriptionGroup(name)]))
    groups.#table.fill(
      [...(stored?.subscriptionGroupTable ?? [])].map(([groupName, config]) => [groupName, { ...config, groupName }]),
      stored?.dataVersion,
    )
    groups.#forbidden = stored?.forbiddenTable ?? new Map()
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

  get dataVersion(): DataVersion {
    return this.#table.dataVersion
  }

  /**
   * The group, made on first use where that is allowed; undefined where it is not or no group may have this name. Groups
   * of the system always are. A group that cannot be stored works all the same: its settings are the defaults, and a full
   * disk must not keep consumers from what is there.
   */
  find(group: string): NamedGroup | undefined | Promise<NamedGroup> {
    const known = this.#table.get(group)
    if (known) return known
    const creating = this.#creating.get(group)
    if (creating) return creating
    if (!this.#options.autoCreateSubscriptionGroup && !group.startsWith('CID_RMQ_SYS_')) return undefined
    if (groupProblem(group)) return undefined
    const config = subscriptionGroup(group)
    const creation = this.#table
      .set(group, config)
      .catch(error => this.#log.warn({ group, error }, 'a new consumer group cannot be stored yet'))
      .then(() => this.#table.get(group) ?? config)
      .finally(() => this.#creating.delete(group))
    this.#creating.set(group, creation)
    return creation
  }

  /** Creates or replaces a group; resolves when that is on disk. Throws SYSTEM_ERROR; nothing changed then. */
  put(config: NamedGroup): Promise<void> {
    return this.putAll([config])
  }

  /** As `put`, for several: all of them or none. */
  putAll(configs: readonly NamedGroup[]): Promise<void> {
    return this.#store(new Map(configs.map(config => [config.groupName, config])))
  }

  /** False when there is no such group. Throws as `put`. */
  async delete(group: string): Promise<boolean> {
    await this.#creating.get(group)
    if (!this.#table.get(group)) return false
    const before = this.#forbidden
    const changed = new Map(before)
    changed.delete(group)
    this.#forbidden = changed
    try {
      await this.#store(new Map([[group, undefined]]))
    } catch (error) {
      if (this.#forbidden === changed) this.#forbidden = before
      throw error
    }
    return true
  }

  async #store(changes: ReadonlyMap<string, NamedGroup | undefined>): Promise<void> {
    await this.#write(changes)
    await this.onChange()
  }

  async #write(changes: ReadonlyMap<string, NamedGroup | undefined>): Promise<void> {
    try {
      await this.#table.change(changes)
    } catch (error) {
      const names = [...changes.keys()].join(', ')
      throw new ResponseError(
        'SYSTEM_ERROR',
        `subscription group ${names} cannot be stored: ${(error as Error).message}`,
        { cause: error },
      )
    }
  }

  /** Forbids a group to read a topic, or allows it again. Resolves when that is on disk. Throws as `put`. */
  async forbidReading(group: string, topic: string, forbidden: boolean): Promise<void> {
    const before = this.#forbidden
    const topics = new Map(before.get(group))
    const bits = topics.get(topic) ?? 0
    const wanted = forbidden ? bits | FORBIDS_READING : bits & ~FORBIDS_READING
    if (wanted === bits) return
    if (wanted === 0) topics.delete(topic)
    else topics.set(topic, wanted)
    const changed = new Map(before).set(group, topics)
    if (topics.size === 0) changed.delete(group)
    this.#forbidden = changed
    try {
      // The settings are what they were; writing them again gives the file a new version.
      await this.#store(new Map())
    } catch (error) {
      if (this.#forbidden === changed) this.#forbidden = before
      throw error
    }
  }

  isReadForbidden(group: string, topic: string): boolean {
    return ((this.#forbidden.get(group)?.get(topic) ?? 0) & FORBIDS_READING) !== 0
  }

  /** Takes over a master's groups and what it forbids them; see `DurableTable.adopt`. Throws DiskError. */
  async adopt(
    groups: ReadonlyMap<string, NamedGroup>,
    forbidden: ReadonlyMap<string, ReadonlyMap<string, number>>,
    dataVersion: DataVersion,
  ): Promise<void> {
    const before = this.#forbidden
    this.#forbidden = new Map([...forbidden].map(([group, topics]) => [group, new Map(topics)]))
    try {
      await this.#table.adopt(groups, dataVersion)
    } catch (error) {
      this.#forbidden = before
      throw error
    }
  }

  /** This broker has become master. */
  startEpoch(epoch: number): void {
    this.#table.startEpoch(epoch)
  }

  save(): Promise<void> {
    return this.#table.save()
  }

  snapshot() {
    return {
      dataVersion: this.dataVersion,
      forbiddenTable: this.#forbidden,
      subscriptionGroupTable: this.#table.entries(),
    }
  }
}
