import { describe, expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import {
  alterSyncStateSet,
  applyBrokerId,
  type Cause,
  cleanBrokerData,
  conditionOf,
  type Decision,
  electMaster,
  formRecord,
  type GroupRecord,
  type MemberReport,
  masterOf,
  nextBrokerId,
  parseRecord,
  printRecord,
  RecordError,
  register,
  settle,
  whyLost,
} from './index.ts'

const member = (brokerId: number, over: object = {}) => ({
  brokerId,
  address: `10.0.0.${brokerId}:10911`,
  storeId: `s${brokerId}`,
  bootId: 'b',
  processId: `p${brokerId}`,
  checkCode: '',
  ...over,
})

const record = (over: Partial<GroupRecord> = {}): GroupRecord => ({
  recordId: 'r',
  replaces: [],
  changeId: 'c',
  change: '',
  clusterName: 'cluster',
  brokerName: 'broker-a',
  masterBrokerId: 1,
  masterProcessId: 'p1',
  masterEpoch: 3,
  syncStateSet: [1, 2],
  syncStateSetEpoch: 7,
  nextBrokerId: 4,
  members: [member(1), member(2), member(3)],
  ...over,
})

const report = (brokerId: number, over: Partial<MemberReport> = {}): MemberReport & { processId: string } => ({
  clusterName: 'cluster',
  brokerName: 'broker-a',
  brokerId,
  address: `10.0.0.${brokerId}:10911`,
  storeId: `s${brokerId}`,
  bootId: 'b',
  logEpoch: 3,
  maxOffset: 1000,
  electionPriority: 0,
  groupSize: 3,
  promised: 'new',
  ...over,
  processId: over.processId ?? `p${brokerId}`,
})

const apache = (brokerId: number, over: Partial<MemberReport> = {}) => ({
  ...report(brokerId, over),
  storeId: undefined,
  bootId: undefined,
  groupSize: undefined,
  promised: undefined,
})

const live = (...reports: MemberReport[]) => new Map(reports.map(each => [each.brokerId, each]))
const CONTROLLER = { by: 'controller' } as const satisfies Cause
const elect = (
  given: GroupRecord | undefined,
  reports: ReturnType<typeof live>,
  cause: Cause = CONTROLLER,
  unclean = false,
) => electMaster(given, reports, { cause, newRecordId: 'new', allowUncleanElection: unclean })

/** The record of a change; fails with the sentence otherwise. */
function changed(decision: Decision): GroupRecord {
  if (decision.kind !== 'change') throw new Error(`${decision.kind}: ${decision.why}`)
  return decision.record
}

function refused(decision: Decision, status: string, words: RegExp): void {
  expect(decision).toMatchObject({ kind: 'refuse', status })
  expect(decision.why).toMatch(words)
}

describe('election', () => {
  test('a live member of the set is elected, and the live members of the old set stay in the new one', () => {
    const given = record({ syncStateSet: [1, 2, 3] })
    const next = changed(elect(given, live(report(2), report(3, { maxOffset: 2000 }))))
    expect(next).toMatchObject({ masterBrokerId: 3, masterProcessId: 'p3', masterEpoch: 4, syncStateSetEpoch: 8 })
    expect(next.syncStateSet).toEqual([2, 3])
  })

  test('the longest log wins, then the lower priority, then the lower id', () => {
    const given = record({ syncStateSet: [1, 2, 3] })
    const winner = (...reports: MemberReport[]) => changed(elect(given, live(...reports))).masterBrokerId
    expect(winner(report(2, { logEpoch: 2, maxOffset: 5000 }), report(3))).toBe(3)
    expect(winner(report(2, { electionPriority: 5 }), report(3))).toBe(3)
    expect(winner(report(2), report(3))).toBe(2)
  })

  test('nobody outside the set, unless that is allowed, and then it is said', () => {
    refused(
      elect(record(), live(report(3))),
      'CONTROLLER_MASTER_NOT_AVAILABLE',
      /no member of the in-sync set \(1 and 2\) is alive here; alive are 3/,
    )
    refused(
      elect(record(), live(report(3)), { by: 'broker', brokerId: 3 }),
      'CONTROLLER_ELECT_MASTER_FAILED',
      /in-sync set/,
    )
    const unclean = elect(record(), live(report(3)), CONTROLLER, true)
    expect(unclean).toMatchObject({ kind: 'change', mayLose: true })
    expect(changed(unclean).syncStateSet).toEqual([3])
    expect(unclean.why).toMatch(/NOT in sync/)
  })

  test('a live master stays; one whom the candidate hears stays too', () => {
    expect(elect(record(), live(report(1), report(2))).kind).toBe('keep')
    const hears = elect(record(), live(report(2, { heardMasterEpoch: 3 })))
    expect(hears).toMatchObject({ kind: 'keep', why: 'broker 2 still hears master 1 of epoch 3' })
    expect(changed(elect(record(), live(report(2, { heardMasterEpoch: 2 })))).masterBrokerId).toBe(2)
    expect(elect(record(), live(report(2, { heardMasterEpoch: 3 })), CONTROLLER, true).kind).toBe('keep')
  })

  test('a restarted master takes a new epoch', () => {
    const restarted = changed(register(record(), report(1, { processId: 'q1' }), live(report(2))))
    expect(masterOf(restarted)).toBeUndefined()
    const next = changed(elect(restarted, live(report(1, { processId: 'q1', maxOffset: 3000 }), report(2))))
    expect(next).toMatchObject({ masterBrokerId: 1, masterProcessId: 'q1', masterEpoch: 4 })
  })

  test('a process that the record does not know is not elected', () => {
    refused(elect(record(), live(report(2, { processId: 'other' }))), 'CONTROLLER_MASTER_NOT_AVAILABLE', /alive are 2/)
    refused(elect(record(), live(report(2, { storeId: 'other' }))), 'CONTROLLER_MASTER_NOT_AVAILABLE', /alive are 2/)
  })

  test('an administrator names one of the set', () => {
    const all = live(report(1), report(2), report(3))
    const named = (brokerId: number): Cause => ({ by: 'administrator', brokerId })
    const next = changed(elect(record(), all, named(2)))
    expect([next.masterBrokerId, next.syncStateSet]).toEqual([2, [1, 2]])
    expect(elect(record(), all, named(1)).kind).toBe('keep')
    refused(
      elect(record(), all, named(3)),
      'CONTROLLER_ELECT_MASTER_FAILED',
      /broker 3 is not in the in-sync set; in sync are 1 and 2/,
    )
    refused(
      elect(record(), all, named(9)),
      'CONTROLLER_ELECT_MASTER_FAILED',
      /broker 9 is not a member of broker-a; 1, 2 and 3 are/,
    )
    refused(elect(record(), live(report(1)), named(2)), 'CONTROLLER_ELECT_MASTER_FAILED', /broker 2 is not alive here/)
  })

  test('a master hands over, if it still is the master', () => {
    const all = live(report(1), report(2))
    const handOver = (over: object): Cause => ({
      by: 'master',
      epoch: 3,
      processId: 'p1',
      brokerId: undefined,
      ...over,
    })
    expect(changed(elect(record(), all, handOver({})))).toMatchObject({ masterBrokerId: 2, syncStateSet: [1, 2] })
    // One that leaves is not waited for.
    expect(changed(elect(record(), all, handOver({ leaves: true })))).toMatchObject({
      masterBrokerId: 2,
      syncStateSet: [2],
    })
    refused(elect(record(), all, handOver({ epoch: 2 })), 'CONTROLLER_FENCED_MASTER_EPOCH', /is 3, not 2/)
    refused(elect(record(), all, handOver({ processId: 'x' })), 'CONTROLLER_INVALID_MASTER', /another process/)
    refused(elect(record(), live(report(1)), handOver({})), 'CONTROLLER_ELECT_MASTER_FAILED', /no other member/)
  })

  test('an Apache master starts with a set of its own, as under its controller', () => {
    const given = record({ members: [1, 2].map(id => member(id, { storeId: '', bootId: '' })) })
    expect(changed(elect(given, live(apache(2)))).syncStateSet).toEqual([2])
  })

  test('an empty set waits for all members; then the longest log wins, and it is said', () => {
    const given = record({ syncStateSet: [] })
    refused(
      elect(given, live(report(1), report(2))),
      'CONTROLLER_MASTER_NOT_AVAILABLE',
      /nobody is in sync; waits for broker 3/,
    )
    const all = elect(given, live(report(1, { maxOffset: 0, logEpoch: 0 }), report(2), report(3, { maxOffset: 1001 })))
    expect(all).toMatchObject({ kind: 'change', mayLose: true })
    expect(changed(all)).toMatchObject({ masterBrokerId: 3, syncStateSet: [3] })
  })

  test('no record, another cluster', () => {
    refused(elect(undefined, live(report(1))), 'CONTROLLER_BROKER_NEED_TO_BE_REGISTERED', /no record/)
    const decision = electMaster(record(), live(report(1)), {
      cause: CONTROLLER,
      clusterName: 'other',
      newRecordId: 'new',
    })
    refused(decision, 'CONTROLLER_INVALID_REQUEST', /belongs to cluster cluster, not other/)
  })

  test('the first election of Apache’s brokers takes the one that asks, unless another has more', () => {
    const given = changed(
      applyBrokerId(undefined, {
        clusterName: 'cluster',
        brokerName: 'broker-a',
        brokerId: 1,
        registerCheckCode: 'a:1;x',
        newRecordId: 'r',
      }),
    )
    const both = changed(
      applyBrokerId(given, {
        clusterName: 'cluster',
        brokerName: 'broker-a',
        brokerId: 2,
        registerCheckCode: 'a:2;x',
        newRecordId: 'r',
      }),
    )
    const asks: Cause = { by: 'broker', brokerId: 2 }
    const here = (maxOffset: number) => live(apache(1, { processId: '', maxOffset }), apache(2, { processId: '' }))
    expect(changed(elect(both, here(1000), asks))).toMatchObject({
      masterBrokerId: 2,
      masterEpoch: 1,
      syncStateSet: [2],
    })
    expect(changed(elect(both, here(9000), asks))).toMatchObject({ masterBrokerId: 1 })
    refused(elect(both, here(1), CONTROLLER), 'CONTROLLER_MASTER_NOT_AVAILABLE', /waits for a broker that asks/)
  })
})

describe('the in-sync set', () => {
  const all = live(report(1), report(2), report(3))
  const proposal = (over: object = {}) => ({
    masterBrokerId: 1,
    masterEpoch: 3,
    syncStateSet: [1, 2, 3],
    syncStateSetEpoch: 7,
    processId: 'p1',
    ...over,
  })

  test('the master of the current epoch enlarges and shrinks it', () => {
    expect(changed(alterSyncStateSet(record(), proposal(), all))).toMatchObject({
      syncStateSet: [1, 2, 3],
      syncStateSetEpoch: 8,
    })
    expect(changed(alterSyncStateSet(record(), proposal({ syncStateSet: [1] }), live())).syncStateSet).toEqual([1])
  })

  test.each([
    ['no record', undefined, {}, 'CONTROLLER_ALTER_SYNC_STATE_SET_FAILED', /not existed/],
    [
      'not the master',
      record(),
      { masterBrokerId: 2 },
      'CONTROLLER_INVALID_MASTER',
      /broker 2 is not the master; 1 is/,
    ],
    [
      'an earlier epoch',
      record(),
      { masterEpoch: 2 },
      'CONTROLLER_FENCED_MASTER_EPOCH',
      /is 3, and the proposal is of 2/,
    ],
    ['another process', record(), { processId: 'x' }, 'CONTROLLER_INVALID_MASTER', /another process/],
    [
      'a restarted master',
      record({ masterProcessId: 'x' }),
      { processId: undefined },
      'CONTROLLER_INVALID_MASTER',
      /restarted/,
    ],
    [
      'an earlier set',
      record(),
      { syncStateSetEpoch: 6 },
      'CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH',
      /is 7, and the proposal is of 6/,
    ],
    ['the same set', record(), { syncStateSet: [2, 1] }, 'CONTROLLER_ALTER_SYNC_STATE_SET_FAILED', /1 and 2 already/],
    ['a stranger', record(), { syncStateSet: [1, 9] }, 'CONTROLLER_INVALID_REPLICAS', /broker 9 is not a member/],
    [
      'without itself',
      record(),
      { syncStateSet: [2] },
      'CONTROLLER_ALTER_SYNC_STATE_SET_FAILED',
      /without the master 1/,
    ],
    [
      'another store',
      record(),
      { stores: new Map([[3, { storeId: 'old', bootId: 'b' }]]), syncStateSet: [1, 3] },
      'CONTROLLER_INVALID_REPLICAS',
      /store old of broker 3, whose store is now s3/,
    ],
  ])('refused: %s', (_, given, over, status, words) => {
    refused(alterSyncStateSet(given, proposal(over), all), status, words)
  })

  test('who is not alive does not enter', () => {
    refused(
      alterSyncStateSet(record(), proposal(), live(report(1))),
      'CONTROLLER_BROKER_NOT_ALIVE',
      /broker 3 is not alive here/,
    )
  })

  test('settling fences what was proposed before', () => {
    const settled = changed(settle(record()))
    expect(settled.syncStateSet).toEqual([1, 2])
    refused(alterSyncStateSet(settled, proposal(), all), 'CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH', /is 8/)
  })
})

describe('registration', () => {
  test('a new member is outside the set; nothing new changes nothing', () => {
    const next = changed(register(record(), report(4), live()))
    expect(next).toMatchObject({ syncStateSet: [1, 2], syncStateSetEpoch: 7, nextBrokerId: 5 })
    expect(next.members).toHaveLength(4)
    expect(register(record(), report(2), live()).kind).toBe('keep')
  })

  test.each([
    ['another store', { storeId: 'other' }, /its store is another one/],
    ['a machine crash under asynchronous flush', { bootId: 'other' }, /lost its tail/],
  ])('%s takes a member out of the set', (_, over, words) => {
    const decision = register(record(), report(2, over), live())
    expect(decision.why).toMatch(words)
    expect(changed(decision)).toMatchObject({ syncStateSet: [1], syncStateSetEpoch: 8 })
    expect(changed(register(record({ syncStateSet: [2] }), report(2, over), live())).syncStateSet).toEqual([])
  })

  test('refused: id 0, an id in use, a copied store, another cluster, the store of another group', () => {
    refused(register(record(), report(0), live()), 'CONTROLLER_BROKER_ID_INVALID', /ids begin at 1/)
    refused(
      register(record(), report(2, { storeId: 'x', processId: 'y' }), live(report(2))),
      'CONTROLLER_BROKER_ID_INVALID',
      /in use: 10.0.0.2:10911 is alive/,
    )
    refused(
      register(record(), report(4, { storeId: 's2' }), live()),
      'CONTROLLER_BROKER_ID_INVALID',
      /store s2 belongs to broker 2/,
    )
    refused(
      register(record(), report(2, { clusterName: 'other' }), live()),
      'CONTROLLER_INVALID_REQUEST',
      /belongs to cluster/,
    )
    const foreign = record({ recordId: 'foreign', masterEpoch: 50, syncStateSetEpoch: 60 })
    refused(
      register(record(), report(4, { seen: foreign }), live()),
      'CONTROLLER_INVALID_REQUEST',
      /store of another group: it has seen record foreign/,
    )
  })

  test('an Apache broker has to apply for its id', () => {
    refused(
      register(undefined, { ...apache(1), processId: 'x' }, live()),
      'CONTROLLER_BROKER_NEED_TO_BE_REGISTERED',
      /hasn't been registered/,
    )
    refused(
      register(record(), { ...apache(9), processId: 'x' }, live()),
      'CONTROLLER_BROKER_NEED_TO_BE_REGISTERED',
      /BrokerId: 9/,
    )
    const kept = changed(register(record(), { ...apache(2), processId: 'x' }, live()))
    expect(kept.syncStateSet).toEqual([1, 2])
  })

  test('ids: the next one, the same one again with the same code, never one that is given', () => {
    const apply = (
      given: GroupRecord | undefined,
      brokerId: number,
      registerCheckCode: string,
      clusterName = 'cluster',
    ) => applyBrokerId(given, { clusterName, brokerName: 'broker-a', brokerId, registerCheckCode, newRecordId: 'r' })
    expect(nextBrokerId(undefined)).toBe(1)
    refused(apply(undefined, 2, 'a;1'), 'CONTROLLER_BROKER_ID_INVALID', /its first one gets id 1, not 2/)
    refused(apply(undefined, 0, 'a;1'), 'CONTROLLER_BROKER_ID_INVALID', /ids begin at 1/)
    const first = changed(apply(undefined, 1, 'a;1'))
    expect(nextBrokerId(first)).toBe(2)
    expect(apply(first, 1, 'a;1').kind).toBe('keep')
    refused(apply(first, 1, 'b;1'), 'CONTROLLER_BROKER_ID_INVALID', /is given to a; the next one is 2/)
    refused(apply(first, 2, 'b;1', 'other'), 'CONTROLLER_INVALID_REQUEST', /belongs to cluster/)
    expect(changed(apply(first, 2, 'b;1')).members).toHaveLength(2)
  })
})

describe('a record is formed', () => {
  const options = { clusterName: 'cluster', brokerName: 'broker-a', newRecordId: 'new' }
  const empty = (id: number, over: object = {}) => report(id, { logEpoch: 0, maxOffset: 0, ...over })

  test('the first, when all members have reported with empty stores', () => {
    expect(formRecord(undefined, live(empty(1), empty(2)), options)).toMatchObject({
      kind: 'keep',
      why: 'waits for all 3 members to report; broker 1 and 2 has',
    })
    const formed = changed(formRecord(undefined, live(empty(1), empty(2), empty(3)), options))
    expect(formed).toMatchObject({
      recordId: 'new',
      masterEpoch: 1,
      masterBrokerId: 1,
      syncStateSet: [1, 2, 3],
      nextBrokerId: 4,
    })
    expect(parseRecord(printRecord(formed))).toEqual(formed)
  })

  test('not before all have promised themselves to it', () => {
    const decision = formRecord(undefined, live(empty(1), empty(2, { promised: 'old' }), empty(3)), options)
    expect(decision).toMatchObject({ kind: 'keep', askToPromise: true })
    expect(decision.why).toMatch(/waits for broker 2 to promise/)
  })

  test('stores that were never under a record: the longest log, alone', () => {
    expect(changed(formRecord(undefined, live(empty(1), report(2), empty(3)), options))).toMatchObject({
      masterBrokerId: 2,
      syncStateSet: [2],
    })
  })

  test('a lost one, above the highest epoch seen, with the set last known at it', () => {
    const older = record({ masterEpoch: 2, syncStateSetEpoch: 5, syncStateSet: [1, 2, 3] })
    const reports = live(
      report(1, { seen: record() }),
      report(2, { seen: record(), maxOffset: 1100 }),
      report(3, { seen: older, maxOffset: 9000 }),
    )
    expect(whyLost(undefined, reports)).toMatch(
      /RecordLost: there is no record of a master, and broker 1 has seen epoch 3/,
    )
    const formed = changed(formRecord(undefined, reports, options))
    expect(formed).toMatchObject({
      masterEpoch: 4,
      syncStateSetEpoch: 8,
      masterBrokerId: 2,
      syncStateSet: [1, 2],
      replaces: ['r'],
    })
    expect(formRecord(undefined, live(report(1, { seen: record() })), options).why).toMatch(
      /RecordLost: waits for broker 2 and 3/,
    )
    const unclean = formRecord(undefined, live(report(3, { seen: older })), { ...options, allowUncleanElection: true })
    expect(unclean).toMatchObject({ kind: 'change', mayLose: true })
    expect(changed(unclean).members).toHaveLength(3)
  })

  test('a store that is not the one of the lost record is not in its set', () => {
    const seen = record()
    const reports = live(report(1, { storeId: 'wiped', maxOffset: 0 }), report(2, { seen }), report(3, { seen }))
    expect(changed(formRecord(undefined, reports, options)).syncStateSet).toEqual([2])
  })

  test('a record that was rolled back elects nobody and changes no set', () => {
    const seen = record({ syncStateSetEpoch: 9 })
    const reports = live(report(2, { seen }), report(3))
    refused(
      elect(record(), reports),
      'CONTROLLER_MASTER_NOT_AVAILABLE',
      /RecordLost: the record is at epoch 3 with in-sync set epoch 7, and broker 2 has seen 3 with 9/,
    )
    expect(conditionOf(record(), reports).reason).toBe('RecordLost')
    const fork = record({ masterBrokerId: 2, masterProcessId: 'p2' })
    expect(whyLost(record(), live(report(2, { seen: fork })))).toMatch(/another decision at epoch 3/)
    expect(register(record(), report(2, { seen, processId: 'new' }), live()).why).toMatch(/RecordLost/)
    expect(whyLost(record({ recordId: 'n', replaces: ['r'] }), live(report(2, { seen })))).toBeUndefined()
  })

  test('with an Apache broker it cannot be', () => {
    expect(formRecord(undefined, live(apache(1)), options).why).toMatch(/does not say which store it is/)
  })
})

describe('cleaning', () => {
  const request = (over: object = {}) => ({
    clusterName: 'cluster',
    brokerName: 'broker-a',
    brokerIds: [2],
    cleanLiving: false,
    ...over,
  })

  test('dead members are forgotten, also the whole group', () => {
    expect(changed(cleanBrokerData(record(), request(), live(report(1))))).toMatchObject({
      syncStateSet: [1],
      syncStateSetEpoch: 8,
      masterBrokerId: 1,
    })
    expect(cleanBrokerData(record(), request({ brokerIds: undefined }), live()).kind).toBe('remove')
    const headless = changed(cleanBrokerData(record(), request({ brokerIds: [1] }), live()))
    expect([headless.masterBrokerId, headless.masterProcessId]).toEqual([undefined, ''])
  })

  test('refused: living ones, strangers, no record, another cluster', () => {
    refused(
      cleanBrokerData(record(), request(), live(report(2))),
      'CONTROLLER_INVALID_CLEAN_BROKER_METADATA',
      /\[broker-a, 2\] is still alive/,
    )
    expect(cleanBrokerData(record(), request({ cleanLiving: true }), live(report(2))).kind).toBe('change')
    refused(
      cleanBrokerData(record(), request({ brokerIds: [8] }), live()),
      'CONTROLLER_INVALID_CLEAN_BROKER_METADATA',
      /broker 8 is not a member/,
    )
    refused(cleanBrokerData(undefined, request(), live()), 'CONTROLLER_INVALID_CLEAN_BROKER_METADATA', /not existed/)
    refused(
      cleanBrokerData(record(), request({ clusterName: 'other' }), live()),
      'CONTROLLER_INVALID_REQUEST',
      /belongs to cluster/,
    )
  })
})

describe('the text of a record', () => {
  test('goes there and back', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(9), fc.subarray([1, 2, 3]), (name, epoch, set) => {
        const given = record({
          brokerName: `b${name}`,
          masterEpoch: epoch + 1,
          syncStateSetEpoch: epoch + 1,
          syncStateSet: set,
        })
        expect(parseRecord(printRecord(given))).toEqual(given)
      }),
    )
  })

  test.each([
    ['{', /body/],
    [JSON.stringify({ ...record(), masterEpoch: 'three' }), /masterEpoch/],
    [JSON.stringify({ ...record(), masterEpoch: -1 }), /masterEpoch: -1 is below 0/],
    [JSON.stringify({ ...record(), syncStateSetEpoch: 2 }), /syncStateSetEpoch: 2 is below masterEpoch 3/],
    [JSON.stringify({ ...record(), syncStateSet: [1, 9] }), /9 is not the id of a member/],
    [JSON.stringify({ ...record(), syncStateSet: [1, 1] }), /has an id twice/],
    [JSON.stringify({ ...record(), nextBrokerId: 3 }), /nextBrokerId: 3 is not above broker id 3/],
    [JSON.stringify({ ...record(), recordId: '' }), /recordId: is empty/],
    [JSON.stringify({ ...record(), brokerName: '' }), /brokerName: is empty/],
    [JSON.stringify({ ...record(), masterEpoch: 0 }), /there has never been a master/],
    [JSON.stringify({ ...record(), members: [member(1), member(1)], syncStateSet: [] }), /names a broker id twice/],
    [JSON.stringify({ ...record(), members: [member(0)], syncStateSet: [] }), /broker id 0 is not a whole number/],
    [JSON.stringify({ ...record(), members: [member(1), member(2, { storeId: 's1' })] }), /the same storeId/],
  ])('what a hand has spoilt is refused with words %#', (text, words) => {
    expect(() => parseRecord(text)).toThrow(RecordError)
    expect(() => parseRecord(text)).toThrow(words)
  })
})

test('conditions', () => {
  expect(conditionOf(undefined, live()).reason).toBe('NoRecord')
  expect(conditionOf(record({ masterEpoch: 0, masterBrokerId: undefined }), live()).reason).toBe('NeverElected')
  expect(conditionOf(record(), live(report(2))).reason).toBe('MasterNotSeen')
  expect(conditionOf(record(), live(report(1))).reason).toBe('Degraded')
  expect(conditionOf(record({ syncStateSet: [1, 2, 3] }), live(report(1))).reason).toBe('InSync')
  expect(conditionOf(record({ masterProcessId: 'x' }), live(report(1))).reason).toBe('NoMaster')
})
