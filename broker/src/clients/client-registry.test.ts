import { beforeEach, expect, test } from '@jest/globals'
import type { HeartbeatData } from '@rocketcluster/protocol'
import type { Clock } from '@rocketcluster/world'
import { ClientRegistry } from './client-registry.ts'

let nowMs = 0
let changed: string[] = []
let clients: ClientRegistry<{ remoteAddress: string }>

beforeEach(() => {
  nowMs = 0
  changed = []
  clients = new ClientRegistry({ monotonicMs: () => nowMs } as Clock)
  clients.onMembersChanged = group => changed.push(group)
})

const channel = (name: string) => ({ remoteAddress: `${name}:1` })

function beat(
  clientID: string,
  on: { remoteAddress: string },
  topics: Record<string, number> | undefined,
  more: Partial<HeartbeatData> = {},
): boolean {
  const subscriptionDataSet = Object.entries(topics ?? {}).map(([topic, subVersion]) => ({
    topic,
    subString: '*',
    tagsSet: [],
    codeSet: [],
    subVersion,
    expressionType: 'TAG',
    classFilterMode: false,
  }))
  const data = {
    clientID,
    producerDataSet: [{ groupName: 'P' }],
    consumerDataSet: topics
      ? [
          {
            groupName: 'G',
            consumeType: 'CONSUME_PASSIVELY',
            messageModel: 'CLUSTERING',
            consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
            subscriptionDataSet,
            unitMode: false,
          },
        ]
      : [],
    heartbeatFingerprint: 0,
    withoutSub: false,
    ...more,
  } as unknown as HeartbeatData
  return clients.heartbeat(data, { channel: on, language: 'JAVA', version: 500 })
}

test('members come, say the same again, and leave; the others hear of it each time something changed', () => {
  const [a, b] = [channel('a'), channel('b')]
  expect(beat('a', a, { T: 1 })).toBe(true)
  expect(beat('b', b, { T: 1 })).toBe(true)
  expect(beat('a', a, { T: 1 })).toBe(false)
  expect(changed).toEqual(['G', 'G'])
  expect(clients.clientIds('G')).toEqual(['a', 'b'])
  clients.unregister('a', a, 'P', 'G')
  expect(clients.clientIds('G')).toEqual(['b'])
  expect(clients.producers('P').map(({ clientId }) => clientId)).toEqual(['b'])
  expect(changed).toHaveLength(3)
  clients.unregister('a', a, 'P', 'G')
  clients.unregister('somebody else', b, 'P', 'G')
  expect(clients.clientIds('G')).toEqual(['b'])
  clients.channelClosed(b)
  expect(clients.consumerGroup('G')).toBeUndefined()
  expect([...clients.producerGroups()]).toEqual([])
  expect(changed).toHaveLength(4)
})

test('two connections that look alike are two: one that closes takes only its own client', () => {
  const [a, twin] = [channel('a'), channel('a')]
  beat('a', a, { T: 1 })
  beat('b', twin, undefined)
  clients.channelClosed(twin)
  expect(clients.clientIds('G')).toEqual(['a'])
  expect(clients.producers('P')).toHaveLength(1)
})

test('a client with two connections is one member, until both are gone', () => {
  const [main, second] = [channel('a'), channel('a2')]
  beat('a', main, { T: 1 })
  beat('a', second, { T: 1 })
  expect(clients.clientIds('G')).toEqual(['a'])
  clients.channelClosed(main)
  expect(clients.clientIds('G')).toEqual(['a'])
  expect(clients.findConsumer('G', 'a')?.channel).toBe(second)
  clients.channelClosed(second)
  expect(clients.findConsumer('G', 'a')).toBeUndefined()
})

test('the newest version of a subscription counts, and one that is not named any more goes', () => {
  const a = channel('a')
  beat('a', a, { T: 5, U: 1 })
  expect(beat('a', a, { T: 4, U: 1 })).toBe(false)
  expect(clients.consumerGroup('G')!.subscriptions.get('T')!.subVersion).toBe(5)
  expect(clients.groupsConsuming('U')).toEqual(['G'])
  expect(beat('a', a, { T: 6 })).toBe(true)
  expect(clients.groupsConsuming('U')).toEqual([])
  expect(beat('a', a, {}, { withoutSub: true })).toBe(false)
  expect(clients.groupsConsuming('T')).toEqual(['G'])
})

test('who is silent for more than 120 s is dropped, and nothing of it is left', () => {
  const [quiet, loud] = [channel('quiet'), channel('loud')]
  beat('quiet', quiet, { T: 1 })
  beat('loud', loud, { T: 1 })
  nowMs = 100_000
  beat('loud', loud, { T: 1 })
  nowMs = 120_001
  expect(clients.expire()).toEqual([quiet])
  expect(clients.clientIds('G')).toEqual(['loud'])
  expect(clients.producers('P').map(({ clientId }) => clientId)).toEqual(['loud'])
  expect(clients.expire()).toEqual([])
})
