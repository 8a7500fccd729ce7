import { expect, test } from '@jest/globals'
import { type Bounds, type BrokerRules, explore, type Machine, realMachine } from '../testing/explorer.ts'
import { change, type GroupRecord, masterOf } from './index.ts'

const bounds = (over: Partial<Bounds>): Bounds => ({
  members: 2,
  writes: 1,
  maxEpoch: 2,
  maxSetEpoch: 4,
  crashes: 0,
  wipes: 0,
  losses: 0,
  maxStates: Number(process.env.EXPLORER_STATES ?? 5_000),
  ...over,
})

/** EXPLORER_STATES=2000000 goes further, and into the larger ones. */
const isLong = process.env.EXPLORER_STATES !== undefined

const worlds: readonly (readonly [string, Bounds, readonly string[]])[] = [
  ['two members, set changes in flight', bounds({}), ['elect', 'handover', 'shrink', 'expand', 'land:', 'settle']],
  ['two members, a crash and a wiped disk', bounds({ crashes: 1, wipes: 1 }), ['crash', 'wipe', 'register', 'restart']],
  ['two members, a deleted record', bounds({ losses: 1 }), ['delete', 'promise', 'stale:', 'form']],
  ['three members', bounds({ members: 3, maxSetEpoch: 3 }), ['elect', 'shrink']],
  ...(isLong
    ? ([
        [
          'two members, two writes, two crashes',
          bounds({ writes: 2, maxEpoch: 3, maxSetEpoch: 5, crashes: 2 }),
          ['crash'],
        ],
        ['two members, everything', bounds({ maxEpoch: 3, crashes: 1, wipes: 1, losses: 1 }), ['wipe', 'delete']],
        ['three members, a crash', bounds({ members: 3, maxEpoch: 3, crashes: 1 }), ['crash', 'expand']],
      ] as const)
    : []),
]

test.each(worlds)(
  '%s: in-sync members have all that is acknowledged, and an epoch has one master',
  (_, given, kinds) => {
    const { violation, reached, states, complete } = explore(realMachine, given)
    expect(violation).toBeUndefined()
    for (const kind of kinds) expect(reached.get(kind) ?? 0).toBeGreaterThan(0)
    expect(complete || states === given.maxStates).toBe(true)
  },
)

const without = (rule: keyof BrokerRules): Machine => ({
  ...realMachine,
  broker: { ...realMachine.broker, [rule]: false },
})

/** Each rule broken on purpose, and a world in which that must be noticed. */
const mutations: readonly (readonly [string, Machine, Bounds])[] = [
  [
    'elect outside the in-sync set',
    {
      ...realMachine,
      electMaster(record, live, options) {
        const widened = record && masterOf(record) && { ...record, syncStateSet: record.members.map(m => m.brokerId) }
        return realMachine.electMaster(widened ?? record, live, options)
      },
    },
    bounds({}),
  ],
  [
    'leave a member in the set that is back with another store',
    {
      ...realMachine,
      register(record, hello, others) {
        const decision = realMachine.register(record, hello, others)
        if (decision.kind !== 'change') return decision
        return change({ ...decision.record, syncStateSet: record!.syncStateSet }, decision.why)
      },
    },
    bounds({ crashes: 1, wipes: 1, maxStates: 60_000 }),
  ],
  [
    'accept a proposal for an earlier in-sync set',
    {
      ...realMachine,
      alterSyncStateSet(record, proposal, live) {
        const current = { ...proposal, syncStateSetEpoch: record?.syncStateSetEpoch ?? 0 }
        return realMachine.alterSyncStateSet(record, current, live)
      },
    },
    bounds({ maxSetEpoch: 5, maxStates: 60_000 }),
  ],
  [
    'keep mastership over a restart',
    {
      ...realMachine,
      register(record, hello, others) {
        const decision = realMachine.register(record, hello, others)
        if (decision.kind !== 'change' || record?.masterBrokerId !== hello.brokerId) return decision
        return change({ ...decision.record, masterProcessId: hello.processId }, decision.why)
      },
    },
    bounds({ crashes: 1 }),
  ],
  [
    'elect the next master in the same epoch',
    {
      ...realMachine,
      electMaster(record, live, options) {
        const decision = realMachine.electMaster(record, live, options)
        if (decision.kind !== 'change') return decision
        return change({ ...decision.record, masterEpoch: record!.masterEpoch } as GroupRecord, decision.why)
      },
    },
    bounds({}),
  ],
  [
    'form a first record although a member is missing or full',
    {
      ...realMachine,
      formRecord(record, live, options) {
        const emptied = new Map(
          [...live].map(([id, report]) => [
            id,
            { ...report, groupSize: 1, seen: undefined, promised: options.newRecordId },
          ]),
        )
        return realMachine.formRecord(record, emptied, options)
      },
    },
    bounds({ losses: 1, maxStates: 60_000 }),
  ],
  [
    'wait for the known set only while a larger one is proposed',
    without('waitsForUnion'),
    bounds({ maxStates: 60_000 }),
  ],
  ['take a plain read for the fate of a proposal', without('settlesFate'), bounds({ maxStates: 60_000 })],
  ['accept from below the epoch seen', without('checksEpoch'), bounds({ maxStates: 60_000 })],
  ['promise without a new process id', without('renewsProcess'), bounds({ losses: 1, maxStates: 60_000 })],
]

test.each(mutations)('the explorer notices: %s', (_, machine, given) => {
  const { violation } = explore(machine, given)
  expect(violation).toBeDefined()
  expect(violation!.story.length).toBeGreaterThan(2)
})
