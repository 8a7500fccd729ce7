import { groupRecord } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import { LiveMembers } from './live-members.ts'
import type { RecordStore } from './record-store/record-store.ts'
import { type Updated, updateRecord } from './record-store/update-record.ts'
import {
  type Cause,
  conditionOf,
  type Decision,
  electMaster,
  formRecord,
  type GroupCondition,
  type GroupRecord,
  isOurs,
  isRival,
  keep,
  type MemberReport,
  masterOf,
  memberOf,
  type Reports,
  refuse,
  sameMastership,
  settle,
  whyLost,
} from './state/index.ts'

/** What may be changed while it runs: read at every use. */
export interface ControllerSettings {
  /** Elect a live member outside the in-sync set when none inside is alive: what was acknowledged may be lost. */
  readonly enableElectUncleanMaster: boolean
  /** For how long after its start a controller does not replace a master that it has never seen: it may only not have come yet. */
  readonly electionGraceMs: number
  /** How often it looks for silent members, and at the records: other controllers change them too. */
  readonly scanNotActiveBrokerInterval: number
  /** How long one change of a record may take, with all attempts. */
  readonly recordTimeoutMs: number
}

export const DEFAULT_SETTINGS: ControllerSettings = {
  enableElectUncleanMaster: false,
  electionGraceMs: 3000,
  scanNotActiveBrokerInterval: 500,
  recordTimeoutMs: 4000,
}

/** Everything that a controller did or saw, for metrics, Events and simulations. */
export type ControllerEvent =
  | { readonly kind: 'changed'; readonly record: GroupRecord; readonly why: string; readonly mayLose: boolean }
  | { readonly kind: 'removed'; readonly brokerName: string; readonly why: string }
  | { readonly kind: 'election'; readonly result: 'new_master_elected' | 'keep_current_master' | 'no_master_elected' }
  | { readonly kind: 'gone'; readonly brokerName: string; readonly brokerId: number; readonly why: string }
  | { readonly kind: 'condition'; readonly brokerName: string; readonly condition: GroupCondition }
  | {
      readonly kind: 'store'
      readonly outcome: 'success' | 'conflict' | 'failed' | 'unknown'
      readonly latencyMs: number
    }

export interface ControllerOptions<Connection> {
  readonly store: RecordStore
  readonly settings?: () => ControllerSettings
  /** Tells a live member that the record has changed. Must not throw; may fail silently, since beats tell it again. */
  readonly tell: (member: MemberReport, connection: Connection, record: GroupRecord) => void
  readonly onEvent?: (event: ControllerEvent) => void
  /** A member was silent for too long: its connection is of no use. */
  readonly onSilent?: (connection: Connection) => void
}

interface Group {
  /** As last read or written by this controller. */
  record: GroupRecord | undefined
  /** Which of this controller's reads and writes `record` is from. */
  order: number
  /** Text of `record` as brokers get it. */
  text: string | undefined
  /** The record that is being formed, and whether members are to promise themselves to it. */
  forming: { readonly recordId: string; readonly asked: boolean } | undefined
  condition: GroupCondition | undefined
  /** One change at a time within this controller. */
  turn: Promise<unknown>
  /** An election is being considered; once more when it is done. */
  considering: 'no' | 'yes' | 'again'
}

/**
 * One of any number of controllers over the same records: hears members, decides with the pure functions of `state/`, swaps
 * what it decided into the record store, and tells the members. It holds nothing that another controller needs.
 */
export class Controller<Connection> {
  readonly live = new LiveMembers<Connection>()
  readonly #world: World
  readonly #options: ControllerOptions<Connection>
  readonly #settings: () => ControllerSettings
  readonly #groups = new Map<string, Group>()
  readonly #startedMs: number
  #order = 0
  #scan: { cancel(): void } | undefined
  #stopped = false
  /** The error of the last look at the record store; undefined when it went well. */
  #storeError: string | undefined = 'the record store has not been read yet'

  constructor(world: World, options: ControllerOptions<Connection>) {
    this.#world = world
    this.#options = options
    this.#settings = options.settings ?? (() => DEFAULT_SETTINGS)
    this.#startedMs = world.clock.monotonicMs()
  }

  start(): void {
    const tick = () => {
      if (this.#stopped) return
      this.#expire()
      void this.#look().finally(() => {
        if (this.#stopped) return
        this.#scan = this.#world.clock.setTimeout(tick, this.#settings().scanNotActiveBrokerInterval)
      })
    }
    tick()
  }

  stop(): void {
    this.#stopped = true
    this.#scan?.cancel()
  }

  /** Why decisions cannot be made, undefined when they can. */
  get storeError(): string | undefined {
    return this.#storeError
  }

  /** How each known group is, by broker name. */
  conditions(): Map<string, GroupCondition> {
    const names = [...new Set([...this.#groups.keys(), ...this.live.groups])].sort()
    return new Map(names.map(name => [name, conditionOf(this.#groups.get(name)?.record, this.live.reports(name))]))
  }

  /** The record as this controller last saw it, and its text for brokers. At most a scan interval old. */
  known(brokerName: string): { readonly record: GroupRecord | undefined; readonly text: string | undefined } {
    const { record, text } = this.#group(brokerName)
    return { record, text }
  }

  /** The record about to be formed, for which members are to take new process ids. */
  forming(brokerName: string): string | undefined {
    const { forming } = this.#group(brokerName)
    return forming?.asked ? forming.recordId : undefined
  }

  /** A beat: who it is and how far. Returns a sentence when the member has to register first, or cannot. */
  async beat(
    report: MemberReport,
    connection: Connection,
    timeoutMs: number | undefined,
  ): Promise<{ readonly mustRegister?: string }> {
    const { brokerName, brokerId } = report
    const before = this.live.report(brokerName, brokerId)
    if (before && isRival(before, report))
      return { mustRegister: `broker id ${brokerId} is in use: ${before.address} is alive with it` }
    const known = this.#group(brokerName).record && memberOf(this.#group(brokerName).record!, brokerId)
    // A stranger's disk under a member's id must not pass for the member: it counts when it has registered.
    if (known && isOurs(report) && known.storeId !== '' && known.storeId !== report.storeId) {
      const record = await this.read(brokerName).catch(() => undefined)
      const stranger = this.#stranger(record, report)
      if (stranger !== undefined) return { mustRegister: stranger }
    }
    this.live.heard(report, connection, timeoutMs, this.#world.clock.monotonicMs())
    const changed =
      before === undefined ||
      before.heardMasterEpoch !== report.heardMasterEpoch ||
      before.promised !== report.promised ||
      before.processId !== this.live.report(brokerName, brokerId)?.processId
    if (changed) this.consider(brokerName)
    if (!isOurs(report)) return {}
    const group = this.#group(brokerName)
    if (this.#stranger(group.record, report)) await this.read(brokerName).catch(() => undefined)
    const why = this.#stranger(group.record, report)
    return why === undefined ? {} : { mustRegister: why }
  }

  /** A registration was written: the member is alive, and this is its process. */
  async registered(report: MemberReport, connection: Connection, timeoutMs: number | undefined): Promise<void> {
    this.live.heard(report, connection, timeoutMs, this.#world.clock.monotonicMs())
    this.consider(report.brokerName)
  }

  #stranger(record: GroupRecord | undefined, report: MemberReport): string | undefined {
    if (!record) return undefined
    const member = memberOf(record, report.brokerId)
    if (!member) return `broker ${report.brokerId} is not a member of ${report.brokerName}`
    if (member.processId !== report.processId || member.storeId !== report.storeId)
      return `broker ${report.brokerId} is registered as another process`
    return undefined
  }

  /** A connection closed: whoever was alive over it is not. */
  connectionClosed(connection: Connection): void {
    this.#gone(this.live.closed(connection))
  }

  /** Reads the record afresh. Throws RecordStoreError and RecordError. */
  async read(brokerName: string): Promise<GroupRecord | undefined> {
    const order = ++this.#order
    const stored = await this.#options.store.read(brokerName)
    this.#saw(brokerName, stored?.record, order)
    return stored?.record
  }

  /**
   * Decides on the record and swaps what was decided, after all that this controller has begun on it before. `decide` gets the
   * live members as they were before the record was read, so that a record older than what they have seen is really older.
   */
  change(brokerName: string, decide: (record: GroupRecord | undefined, live: Reports) => Decision): Promise<Updated> {
    const group = this.#group(brokerName)
    const done = group.turn.then(async () => {
      const updated = await updateRecord(
        this.#world,
        this.#options.store,
        brokerName,
        () => {
          const live = this.live.reports(brokerName)
          return record => decide(record, live)
        },
        {
          timeoutMs: this.#settings().recordTimeoutMs,
          onAttempt: (outcome, latencyMs) => this.#emit({ kind: 'store', outcome, latencyMs }),
        },
      )
      this.#changed(brokerName, updated)
      return updated
    })
    group.turn = done.catch(() => {})
    return done
  }

  /** See `settle` of the state: for a master that does not know what became of its proposal. */
  async settle(brokerName: string): Promise<GroupRecord | undefined> {
    return (await this.change(brokerName, settle)).record
  }

  /** An election, or the forming of a record. For the controller's own attempts see `consider`. */
  elect(brokerName: string, cause: Cause, clusterName?: string): Promise<Updated> {
    const newRecordId = this.#newId()
    return this.change(brokerName, (record, live) =>
      this.#elect(record, live, brokerName, cause, clusterName, newRecordId),
    ).then(updated => {
      const { decision } = updated
      const kept =
        decision.kind === 'keep' ||
        (decision.kind === 'refuse' && isMasterPresent(updated.record, this.live, brokerName))
      const result =
        decision.kind === 'change' ? 'new_master_elected' : kept ? 'keep_current_master' : 'no_master_elected'
      this.#emit({ kind: 'election', result })
      return updated
    })
  }

  #elect(
    record: GroupRecord | undefined,
    live: Reports,
    brokerName: string,
    cause: Cause,
    clusterName: string | undefined,
    newRecordId: string,
  ): Decision {
    const { enableElectUncleanMaster: allowUncleanElection, electionGraceMs } = this.#settings()
    const group = this.#group(brokerName)
    const isLost = whyLost(record, live) !== undefined
    if (cause.by === 'controller' && (isLost || record === undefined)) {
      const first = [...live.values()].find(isOurs)
      if (!first) return keep('the group has no record, and nobody to make one of')
      // One id until it has been tried: members promise themselves to it. What was tried may exist, or have existed.
      const recordId = group.forming?.recordId ?? newRecordId
      const decision = formRecord(record, live, {
        clusterName: record?.clusterName ?? first.clusterName,
        brokerName,
        newRecordId: recordId,
        allowUncleanElection,
      })
      const isTried = decision.kind === 'change'
      const asked = decision.kind === 'keep' && decision.askToPromise === true
      group.forming = isTried ? undefined : { recordId, asked }
      return decision
    }
    group.forming = undefined
    const master = record && masterOf(record)
    const isYoung = this.#world.clock.monotonicMs() - this.#startedMs < electionGraceMs
    if (
      master &&
      isYoung &&
      cause.by !== 'administrator' &&
      cause.by !== 'master' &&
      !this.live.hasSeen(brokerName, master.brokerId)
    )
      return refuse(
        cause.by === 'controller' ? 'CONTROLLER_MASTER_NOT_AVAILABLE' : 'CONTROLLER_ELECT_MASTER_FAILED',
        `this controller has just started, and master ${master.brokerId} may only not have come yet`,
      )
    return electMaster(record, live, { cause, clusterName, allowUncleanElection, newRecordId })
  }

  /** Looks whether the group needs a decision that nobody asked for, and makes it. Harmless at any time. */
  consider(brokerName: string): void {
    const group = this.#group(brokerName)
    if (group.considering !== 'no') {
      group.considering = 'again'
      return
    }
    if (this.#stopped || !this.#needsDecision(group, brokerName)) return
    group.considering = 'yes'
    void this.elect(brokerName, { by: 'controller' })
      .catch(error => this.#world.log.warn({ brokerName, error: String(error) }, 'no decision could be made'))
      .finally(() => {
        const again = group.considering === 'again'
        group.considering = 'no'
        if (again) this.consider(brokerName)
      })
  }

  #needsDecision(group: Group, brokerName: string): boolean {
    const live = this.live.reports(brokerName)
    if (live.size === 0) return false
    const { record } = group
    if (whyLost(record, live) !== undefined) return true
    const oursLive = [...live.values()].some(isOurs)
    if (!record || record.masterEpoch === 0) return oursLive
    const master = masterOf(record)
    return !master || !live.has(master.brokerId)
  }

  #expire(): void {
    const gone = this.live.expire(this.#world.clock.monotonicMs())
    this.#gone(gone)
    for (const { connection } of gone) this.#options.onSilent?.(connection)
  }

  #gone(gone: ReturnType<LiveMembers<Connection>['closed']>): void {
    for (const { brokerName, brokerId, why } of gone) {
      this.#world.log.warn({ brokerName, brokerId }, `member gone: ${why}`)
      this.#emit({ kind: 'gone', brokerName, brokerId, why })
      this.consider(brokerName)
    }
  }

  /** Reads all records: what other controllers have changed is told to our members too. */
  async #look(): Promise<void> {
    try {
      const names = new Set([...(await this.#options.store.list()), ...this.#groups.keys(), ...this.live.groups])
      for (const name of names) await this.read(name)
      this.#storeError = undefined
      for (const name of names) {
        this.consider(name)
        this.#observe(name)
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message !== this.#storeError) this.#world.log.error({ error: message }, 'the record store cannot be read')
      this.#storeError = message
    }
  }

  #observe(brokerName: string): void {
    const group = this.#group(brokerName)
    const condition = conditionOf(group.record, this.live.reports(brokerName))
    if (condition.reason === group.condition?.reason) return
    group.condition = condition
    this.#world.log.info({ brokerName, reason: condition.reason }, condition.message)
    this.#emit({ kind: 'condition', brokerName, condition })
  }

  #changed(brokerName: string, { record, decision }: Updated): void {
    if (decision.kind === 'change') {
      const mayLose = decision.mayLose === true
      this.#world.log[mayLose ? 'warn' : 'info']({ brokerName, mayLose }, decision.why)
      this.#emit({ kind: 'changed', record: record!, why: decision.why, mayLose })
    }
    if (decision.kind === 'remove') {
      this.#world.log.info({ brokerName }, decision.why)
      this.#emit({ kind: 'removed', brokerName, why: decision.why })
      this.#saw(brokerName, undefined, ++this.#order)
      return
    }
    this.#saw(brokerName, record, ++this.#order)
  }

  #saw(brokerName: string, record: GroupRecord | undefined, order: number): void {
    const group = this.#group(brokerName)
    // Two reads may end in the other order than they began; what is older must not stand after what is newer. Epochs would not
    // do for that: a record store that was rolled back is to be seen as it is.
    if (order < group.order) return
    group.order = order
    const before = group.record
    if (record?.changeId === before?.changeId && record?.recordId === before?.recordId && group.text !== undefined)
      return
    // Another one stands now: whoever still asked for promises to the one that was to be would only depose a master.
    if (record) group.forming = undefined
    group.record = record
    group.text = record && groupRecord.encode(record).toString('utf8')
    if (!record || (before && sameMastership(before, record))) return
    for (const report of this.live.reports(brokerName).values()) {
      const connection = this.live.connection(brokerName, report.brokerId)
      if (connection !== undefined) this.#options.tell(report, connection, record)
    }
  }

  #group(brokerName: string): Group {
    let group = this.#groups.get(brokerName)
    if (!group) {
      group = {
        record: undefined,
        order: 0,
        text: undefined,
        forming: undefined,
        condition: undefined,
        turn: Promise.resolve(),
        considering: 'no',
      }
      this.#groups.set(brokerName, group)
    }
    return group
  }

  #newId(): string {
    return Buffer.from(this.#world.random.bytes(12)).toString('hex')
  }

  #emit(event: ControllerEvent): void {
    this.#options.onEvent?.(event)
  }
}

function isMasterPresent(record: GroupRecord | undefined, live: LiveMembers<unknown>, brokerName: string): boolean {
  const master = record && masterOf(record)
  return master !== undefined && live.report(brokerName, master.brokerId) !== undefined
}
