/**
 * An exhaustive explorer: breadth-first over every interleaving of controllers, members, links and faults of one group, with the
 * real functions of `state/` as the controllers and a small model of a broker that obeys them. It stops at the first
 * state that breaks a promise and tells the shortest story that leads there.
 */
import {
  alterSyncStateSet,
  type Decision,
  electMaster,
  formRecord,
  type GroupRecord,
  type MemberReport,
  masterOf,
  memberOf,
  type Reports,
  register,
  type SetProposal,
  settle,
  whyLost,
} from '../state/index.ts'

/** The rules under test; a mutation replaces one. */
export interface Machine {
  readonly electMaster: typeof electMaster
  readonly alterSyncStateSet: typeof alterSyncStateSet
  readonly register: typeof register
  readonly formRecord: typeof formRecord
  readonly whyLost: typeof whyLost
  /** The broker's part: what it waits for before it acknowledges, and when it is master. */
  readonly broker: BrokerRules
}

export interface BrokerRules {
  /** Whether a proposed set is waited for beside the known one until its fate is known. */
  readonly waitsForUnion: boolean
  /** Whether a fate is known only when a later record was read or the record was settled. */
  readonly settlesFate: boolean
  /** Whether a replica refuses what comes from below its epoch. */
  readonly checksEpoch: boolean
  /** Whether acknowledgements of another store than the record's are ignored. */
  readonly checksStore: boolean
  /** Whether a member takes a new process id for a record about to be formed. */
  readonly renewsProcess: boolean
}

export const realMachine: Machine = {
  electMaster,
  alterSyncStateSet,
  register,
  formRecord,
  whyLost,
  broker: { waitsForUnion: true, settlesFate: true, checksEpoch: true, checksStore: true, renewsProcess: true },
}

export interface Bounds {
  readonly members: number
  readonly writes: number
  readonly maxEpoch: number
  readonly maxSetEpoch: number
  readonly crashes: number
  readonly wipes: number
  /** How often the record is deleted. */
  readonly losses: number
  readonly maxStates: number
}

export interface Exploration {
  readonly states: number
  /** Whether all states within the bounds were visited. */
  readonly complete: boolean
  readonly reached: ReadonlyMap<string, number>
  readonly violation?: { readonly promise: string; readonly story: readonly string[] }
}

interface ModelMember {
  readonly up: boolean
  readonly process: number
  readonly store: number
  /** Highest epoch seen: durable. */
  readonly epoch: number
  readonly view: GroupRecord | undefined
  readonly promised: string | undefined
  readonly log: number
  readonly logEpoch: number
  /** The epoch this process acts as master of; 0 when it does not. */
  readonly acting: number
  /** What each other member has confirmed to this master, by index. */
  readonly confirmed: readonly number[]
  /** A set it has proposed and does not know the fate of. */
  readonly pending: { readonly set: readonly number[]; readonly base: number } | undefined
}

interface State {
  readonly record: GroupRecord | undefined
  /** A proposal that is still under way: it is decided on when it comes. */
  readonly delayed: SetProposal | undefined
  /** What the record was before it was deleted: notices of it may still be under way. */
  readonly stale: GroupRecord | undefined
  readonly members: readonly ModelMember[]
  readonly acknowledged: number
  readonly written: number
  /** Who has acted as master of each epoch of each record. */
  readonly masters: readonly string[]
  readonly crashes: number
  readonly wipes: number
  readonly losses: number
}

const storeOf = (i: number, { store }: ModelMember) => `s${i + 1}.${store}`
const processOf = (i: number, { process }: ModelMember) => `p${i + 1}.${process}`

class Violation extends Error {
  override readonly name = 'Violation'
}

/** Visits states until all are visited, `maxStates` are, or a promise is broken. */
export function explore(machine: Machine, bounds: Bounds): Exploration {
  const first = initialState(bounds)
  const seen = new Map<string, number>()
  const states: State[] = [first]
  const parents: number[] = [-1]
  const labels: string[] = ['all members start with empty stores']
  const reached = new Map<string, number>()
  seen.set(keyOf(first), 0)
  const story = (at: number, last: string) => {
    const lines = [last]
    for (let i = at; i >= 0; i = parents[i]!) lines.unshift(labels[i]!)
    return lines
  }
  for (let at = 0; at < states.length; at++) {
    const state = states[at]!
    for (const [label, next] of steps(machine, bounds, state)) {
      const kind = label.split(' ', 1)[0]!
      reached.set(kind, (reached.get(kind) ?? 0) + 1)
      let result: State | undefined
      let broken: string | undefined
      try {
        result = next()
        if (result === undefined) continue
        broken = brokenPromise(result)
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        broken = error.message
      }
      if (broken !== undefined)
        return {
          states: states.length,
          complete: false,
          reached,
          violation: { promise: broken, story: story(at, label) },
        }
      const key = keyOf(result!)
      if (seen.has(key)) continue
      if (states.length >= bounds.maxStates) return { states: states.length, complete: false, reached }
      seen.set(key, states.length)
      states.push(result!)
      parents.push(at)
      labels.push(label)
    }
    // What has been expanded is needed for its label only.
    states[at] = undefined as unknown as State
  }
  return { states: states.length, complete: true, reached }
}

function initialState({ members }: Bounds): State {
  const member: ModelMember = {
    up: true,
    process: 1,
    store: 1,
    epoch: 0,
    view: undefined,
    // They have been asked for the first record already.
    promised: 'r0',
    log: 0,
    logEpoch: 0,
    acting: 0,
    confirmed: new Array(members).fill(0),
    pending: undefined,
  }
  return {
    record: undefined,
    delayed: undefined,
    stale: undefined,
    members: new Array(members).fill(member),
    acknowledged: 0,
    written: 0,
    masters: [],
    crashes: 0,
    wipes: 0,
    losses: 0,
  }
}

function reportOf(i: number, member: ModelMember, groupSize: number): MemberReport & { processId: string } {
  return {
    clusterName: 'c',
    brokerName: 'b',
    brokerId: i + 1,
    address: `a${i + 1}`,
    storeId: storeOf(i, member),
    bootId: '',
    processId: processOf(i, member),
    logEpoch: member.logEpoch,
    maxOffset: bits(member.log),
    electionPriority: 0,
    groupSize,
    seen: member.view,
    promised: member.promised,
  }
}

type Step = readonly [label: string, next: () => State | undefined]

function* steps(machine: Machine, bounds: Bounds, state: State): Generator<Step> {
  const { members, record } = state
  const { broker } = machine
  const n = members.length

  // A controller that sees any part of the live members decides.
  for (let mask = 1; mask < 1 << n; mask++) {
    const ids = members.flatMap((member, i) => (mask & (1 << i) && member.up ? [i] : []))
    if (ids.length !== bits(mask)) continue
    const live: Reports = new Map(ids.map(i => [i + 1, reportOf(i, members[i]!, n)]))
    const names = ids.map(i => i + 1).join(',')
    if (!record || machine.whyLost(record, live) !== undefined) {
      yield [
        `form by a controller that sees ${names}`,
        () => {
          const newRecordId = formingId(state)
          return swapped(
            state,
            bounds,
            machine.formRecord(record, live, { clusterName: 'c', brokerName: 'b', newRecordId }),
          )
        },
      ]
      continue
    }
    yield [
      `elect by a controller that sees ${names}`,
      () =>
        swapped(state, bounds, machine.electMaster(record, live, { cause: { by: 'controller' }, newRecordId: 'x' })),
    ]
    if (ids.length === n)
      for (const i of ids)
        yield [
          `handover to ${i + 1} on request`,
          () => {
            const cause = { by: 'administrator', brokerId: i + 1 } as const
            return swapped(state, bounds, machine.electMaster(record, live, { cause, newRecordId: 'x' }))
          },
        ]
  }

  for (let i = 0; i < n; i++) {
    const member = members[i]!
    const id = i + 1
    if (!member.up) {
      yield [
        `restart of ${id}`,
        () => withMember(state, i, { up: true, process: member.process + 1, promised: undefined }),
      ]
      if (state.wipes < bounds.wipes)
        yield [
          `wipe of ${id}: its disk is empty`,
          () => {
            const next = withMember(state, i, {
              store: member.store + 1,
              log: 0,
              logEpoch: 0,
              epoch: 0,
              view: undefined,
              promised: undefined,
            })
            // What nobody holds any more no election can save.
            const held = next.members.reduce((all, { log }) => all | log, 0)
            return { ...next, wipes: state.wipes + 1, acknowledged: state.acknowledged & held }
          },
        ]
      continue
    }
    if (state.crashes < bounds.crashes)
      yield [
        `crash of ${id}`,
        () => ({
          ...withMember(state, i, {
            up: false,
            acting: 0,
            confirmed: new Array(n).fill(0),
            pending: undefined,
          }),
          crashes: state.crashes + 1,
        }),
      ]
    if (record) {
      const known = memberOf(record, id)
      if (known?.processId !== processOf(i, member) || known.storeId !== storeOf(i, member))
        yield [
          `register of ${id}`,
          () => swapped(state, bounds, machine.register(record, reportOf(i, member, n), new Map())),
        ]
      yield [`learn: ${id} is told the record`, () => learn(state, i, record)]
    }
    if (state.stale) yield [`stale: ${id} is told the record that was deleted`, () => learn(state, i, state.stale!)]
    const forming = formingId(state)
    const isLost = !record || machine.whyLost(record, everyone(state)) !== undefined
    if (isLost && member.promised !== forming)
      yield [
        `promise of ${id} for record ${forming}`,
        () => {
          const process = broker.renewsProcess ? member.process + 1 : member.process
          return withMember(state, i, {
            promised: forming,
            process,
            ...(broker.renewsProcess && { acting: 0, pending: undefined, confirmed: new Array(n).fill(0) }),
          })
        },
      ]
    if (member.acting === 0) continue

    if (state.written < bounds.writes)
      yield [
        `write ${state.written + 1} to ${id}, master of epoch ${member.acting}`,
        () => ({
          ...withMember(state, i, { log: member.log | (1 << state.written), logEpoch: member.acting }),
          written: state.written + 1,
        }),
      ]
    for (let r = 0; r < n; r++) {
      const replica = members[r]!
      if (r === i || !replica.up) continue
      if (broker.checksEpoch && replica.epoch > member.acting) continue
      if (replica.epoch === member.acting && replica.acting === member.acting) continue
      yield [`replicate from ${id} to ${r + 1} in epoch ${member.acting}`, () => replicate(machine, state, i, r)]
    }
    const view = member.view!
    const waited = new Set([...view.syncStateSet, ...(broker.waitsForUnion ? (member.pending?.set ?? []) : [])])
    if (!broker.waitsForUnion && member.pending) {
      waited.clear()
      for (const other of member.pending.set) waited.add(other)
    }
    for (let w = 0; w < state.written; w++) {
      const bit = 1 << w
      if (!(member.log & bit) || state.acknowledged & bit) continue
      const all = [...waited].every(other => other === id || (member.confirmed[other - 1]! & bit) !== 0)
      if (all)
        yield [
          `acknowledge ${w + 1} by ${id}, master of epoch ${member.acting}`,
          () => ({ ...state, acknowledged: state.acknowledged | bit }),
        ]
    }
    if (member.pending) {
      if (record && record.recordId === view.recordId)
        yield [
          `settle by ${id}`,
          () => {
            const shut = broker.settlesFate ? swapped(state, bounds, settle(record)) : state
            return shut && learn(shut, i, shut.record!, true)
          },
        ]
      continue
    }
    if (!record) continue
    for (let r = 0; r < n; r++) {
      if (r === i) continue
      const inSet = view.syncStateSet.includes(r + 1)
      const isThere = members[r]!.up && members[r]!.logEpoch === member.acting
      if (!inSet && (!isThere || member.confirmed[r] !== member.log)) continue
      const set = inSet ? view.syncStateSet.filter(other => other !== r + 1) : [...view.syncStateSet, r + 1]
      for (const slow of [false, true])
        yield [
          `${inSet ? 'shrink' : 'expand'} to ${set.join(',')} by ${id}${slow ? ', still under way' : ', the answer lost'}`,
          () => propose(machine, bounds, state, i, set, slow),
        ]
    }
  }

  const { delayed } = state
  if (delayed)
    yield [
      'land: the proposal that was under way',
      () => {
        const decision = machine.alterSyncStateSet(record, delayed, everyone(state))
        return swapped({ ...state, delayed: undefined }, bounds, decision) ?? { ...state, delayed: undefined }
      },
    ]
  if (record && record.masterEpoch > 0 && state.losses < bounds.losses)
    yield [
      'delete of the record',
      () => ({
        ...state,
        record: undefined,
        stale: record,
        losses: state.losses + 1,
      }),
    ]
}

function withMember(state: State, i: number, change: Partial<ModelMember>): State {
  const members = state.members.slice()
  members[i] = { ...members[i]!, ...change }
  return { ...state, members }
}

function swapped(state: State, bounds: Bounds, decision: Decision): State | undefined {
  if (decision.kind !== 'change') return undefined
  const { record } = decision
  if (record.masterEpoch > bounds.maxEpoch || record.syncStateSetEpoch > bounds.maxSetEpoch) return undefined
  let { acknowledged } = state
  if (decision.mayLose) {
    // Declared, and only what no other store had: the longest log has to be the best there is.
    const winner = state.members[record.masterBrokerId! - 1]!
    if ((acknowledged & ~winner.log) !== 0)
      throw new Violation('an election that may lose chose a log that is not the longest')
    acknowledged &= winner.log
  }
  return { ...state, record, acknowledged }
}

/** A member is told a record: it follows the latest, and is master when that is what it says of this very process. */
function learn(state: State, i: number, record: GroupRecord, settled = false): State | undefined {
  const member = state.members[i]!
  const { view } = member
  const same = view?.recordId === record.recordId
  if (!same && view && !record.replaces.includes(view.recordId)) return undefined
  if (same && record.syncStateSetEpoch < view.syncStateSetEpoch) return undefined
  if (record.masterEpoch < member.epoch) return undefined
  const isMaster =
    record.masterBrokerId === i + 1 &&
    record.masterProcessId === processOf(i, member) &&
    memberOf(record, i + 1)?.storeId === storeOf(i, member)
  const goesOn = isMaster && member.acting === record.masterEpoch && same
  const fateKnown = settled || (member.pending !== undefined && record.syncStateSetEpoch > member.pending.base)
  const next = withMember(state, i, {
    view: record,
    epoch: Math.max(member.epoch, record.masterEpoch),
    acting: isMaster ? record.masterEpoch : 0,
    // Its log goes on under its own epoch: Apache's epoch file gets its entry at promotion.
    ...(isMaster && !goesOn && { logEpoch: record.masterEpoch, confirmed: new Array(state.members.length).fill(0) }),
    pending: goesOn && !fateKnown ? member.pending : undefined,
  })
  if (!isMaster || goesOn) return next
  const masters = state.masters.slice()
  // Epochs of two records can be equal only when nobody is left who acts by the first, and then that is harmless.
  const epoch = `${record.recordId}/${record.masterEpoch}`
  const name = `${epoch}:${processOf(i, member)}`
  const isRival = (other: ModelMember, r: number) => r !== i && other.acting === record.masterEpoch
  if (masters.some(known => known.startsWith(`${epoch}:`) && known !== name) || state.members.some(isRival))
    throw new Violation(`two masters of epoch ${record.masterEpoch}`)
  if (!masters.includes(name)) masters.push(name)
  return { ...next, masters: masters.sort() }
}

function replicate(machine: Machine, state: State, i: number, r: number): State {
  const master = state.members[i]!
  const replica = state.members[r]!
  const copied = withMember(state, r, {
    log: master.log,
    logEpoch: master.acting,
    epoch: Math.max(replica.epoch, master.acting),
    acting: replica.acting < master.acting ? 0 : replica.acting,
    ...(replica.acting < master.acting && { pending: undefined }),
  })
  const isKnownStore = memberOf(master.view!, r + 1)?.storeId === storeOf(r, replica)
  if (machine.broker.checksStore && !isKnownStore) return copied
  const confirmed = master.confirmed.slice()
  confirmed[r] = master.log
  return withMember(copied, i, { confirmed })
}

function propose(
  machine: Machine,
  bounds: Bounds,
  state: State,
  i: number,
  set: readonly number[],
  slow: boolean,
): State | undefined {
  const master = state.members[i]!
  const view = master.view!
  const proposal: SetProposal = {
    masterBrokerId: i + 1,
    masterEpoch: master.acting,
    syncStateSet: set,
    syncStateSetEpoch: view.syncStateSetEpoch,
    processId: processOf(i, master),
    stores: new Map(view.members.map(({ brokerId, storeId, bootId }) => [brokerId, { storeId, bootId }] as const)),
  }
  const decision = machine.alterSyncStateSet(state.record, proposal, everyone(state))
  if (decision.kind !== 'change' || decision.record.syncStateSetEpoch > bounds.maxSetEpoch) return undefined
  const waiting = withMember(state, i, { pending: { set, base: view.syncStateSetEpoch } })
  if (slow) return state.delayed ? undefined : { ...waiting, delayed: proposal }
  return { ...waiting, record: decision.record }
}

/** The id of a record that is to be formed: never one that was tried. */
const formingId = ({ record, losses }: State) => (record ? `${record.recordId}+` : `r${losses}`)

/** What a controller sees that sees all. */
function everyone(state: State): Reports {
  const { members } = state
  return new Map(members.flatMap((member, r) => (member.up ? [[r + 1, reportOf(r, member, members.length)]] : [])))
}

/** The promises, as a sentence when one is broken. */
function brokenPromise({ record, members, acknowledged }: State): string | undefined {
  if (!record) return undefined
  for (const brokerId of record.syncStateSet) {
    const i = brokerId - 1
    const member = members[i]!
    if (memberOf(record, brokerId)?.storeId !== storeOf(i, member)) continue
    const lacks = acknowledged & ~member.log
    if (lacks !== 0)
      return `broker ${brokerId} is in the in-sync set of epoch ${record.masterEpoch}, and write ${Math.log2(lacks & -lacks) + 1}, which is acknowledged, is not in its log`
  }
  const master = masterOf(record)
  if (master && !record.syncStateSet.includes(master.brokerId)) return 'the master is outside the set'
  return undefined
}

function bits(mask: number): number {
  let count = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++
  return count
}

/**
 * Two states with one key have one future. States share most of their parts, so
 * each part gets a number of its own, once.
 */
function keyOf(state: State): string {
  const { record, delayed, stale, members, acknowledged, written, masters, crashes, wipes, losses } = state
  let key = `${recordId(record)} ${delayed ? proposalId(delayed) : ''} ${recordId(stale)} ${acknowledged}.${written}.${crashes}.${wipes}.${losses} ${masters.join('+')}`
  for (const member of members) key += ` ${memberId(member)}`
  return key
}

const numbers = new Map<string, number>()
function numberOf(text: string): number {
  let number = numbers.get(text)
  if (number === undefined) {
    number = numbers.size
    numbers.set(text, number)
  }
  return number
}

const partIds = new WeakMap<object, number>()

function recordId(record: GroupRecord | undefined): number | '' {
  if (!record) return ''
  let id = partIds.get(record)
  if (id === undefined) {
    const members = record.members.map(({ storeId, processId }) => `${storeId}/${processId}`).join(',')
    id = numberOf(
      `${record.recordId}:${record.masterBrokerId}:${record.masterProcessId}:${record.masterEpoch}:${record.syncStateSet.join(',')}:${record.syncStateSetEpoch}:${members}`,
    )
    partIds.set(record, id)
  }
  return id
}

function proposalId(proposal: SetProposal): number {
  let id = partIds.get(proposal)
  if (id === undefined) {
    id = numberOf(`${JSON.stringify(proposal)}${JSON.stringify([...proposal.stores!])}`)
    partIds.set(proposal, id)
  }
  return id
}

function memberId(m: ModelMember): number {
  let id = partIds.get(m)
  if (id === undefined) {
    const pending = m.pending ? `${m.pending.set.join(',')}@${m.pending.base}` : ''
    id = numberOf(
      `${m.up}${m.process}.${m.store}.${m.epoch}.${m.promised}.${m.log}.${m.logEpoch}.${m.acting}.${m.confirmed.join(',')}.${pending}.${recordId(m.view)}`,
    )
    partIds.set(m, id)
  }
  return id
}
