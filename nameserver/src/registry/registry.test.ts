import { describe, expect, test } from '@jest/globals'
import { RouteRegistry } from './registry.ts'
import { PERM_READ, PERM_WRITE, type RegisteredTopic, type Registration, type RegistryOptions } from './types.ts'

const RW = PERM_READ | PERM_WRITE

function registry(options: Partial<RegistryOptions> = {}): RouteRegistry {
  return new RouteRegistry({ deleteTopicWithBrokerRegistration: false, supportActingMaster: false, ...options })
}

function topic(topicName: string, perm = RW, queues = 4): RegisteredTopic {
  return { topicName, readQueueNums: queues, writeQueueNums: queues, perm, topicSysFlag: 0 }
}

function version(counter: number, stateVersion = 0) {
  return { stateVersion, timestamp: 1, counter }
}

function broker(changes: Partial<Registration> = {}): Registration {
  const topics = changes.topics ?? [topic('TopicA'), topic('TopicB')]
  return {
    clusterName: 'c',
    brokerName: 'broker-a',
    brokerAddr: '10.0.0.1:10911',
    brokerId: 0,
    haServerAddr: '10.0.0.1:10912',
    enableActingMaster: false,
    dataVersion: version(1),
    channel: {},
    tableSize: topics.length,
    ...changes,
    topics,
  }
}

const slave = (changes: Partial<Registration> = {}) =>
  broker({ brokerId: 1, brokerAddr: '10.0.0.2:10911', haServerAddr: '10.0.0.2:10912', ...changes })

const permOf = (routes: RouteRegistry, name: string) => routes.routeOf(name)?.queueDatas.map(({ perm }) => perm)
const addrsOf = (routes: RouteRegistry, name: string) =>
  routes.routeOf(name)?.brokerDatas.map(({ brokerAddrs }) => [...brokerAddrs])

describe('register', () => {
  test('a topic leads to every member of every group that has it', () => {
    const routes = registry()
    routes.register(broker(), 0)
    routes.register(slave(), 0)
    routes.register(
      broker({ brokerName: 'broker-b', brokerAddr: '10.0.0.9:10911', topics: [topic('TopicB', RW, 8), topic('X')] }),
      0,
    )
    expect(addrsOf(routes, 'TopicA')).toEqual([
      [
        [0, '10.0.0.1:10911'],
        [1, '10.0.0.2:10911'],
      ],
    ])
    expect(routes.routeOf('TopicB')).toMatchObject({
      queueDatas: [
        { brokerName: 'broker-a', readQueueNums: 4, writeQueueNums: 4, perm: 6, topicSysFlag: 0 },
        { brokerName: 'broker-b', readQueueNums: 8 },
      ],
      brokerDatas: [{ cluster: 'c', brokerName: 'broker-a', enableActingMaster: false }, { brokerName: 'broker-b' }],
    })
    expect(routes.routeOf('TopicC')).toBeUndefined()
    expect(routes.sizes).toEqual({ topics: 3, brokers: 3, groups: 2, clusters: 1 })
  })

  test('a slave learns where its master is, and its topics do not count', () => {
    const routes = registry()
    expect(routes.register(slave({ enableActingMaster: undefined }), 0)).toEqual({ outcome: 'registered', first: true })
    expect(routes.allTopics()).toEqual([])
    routes.register(broker(), 0)
    expect(routes.register(slave({ topics: [topic('S'), topic('T')] }), 0)).toMatchObject({
      masterAddr: '10.0.0.1:10911',
      haServerAddr: '10.0.0.1:10912',
    })
    expect(routes.allTopics()).toEqual(['TopicA', 'TopicB'])
  })

  test('topics are only read again when the version moved, or when one is missing', () => {
    const routes = registry()
    routes.register(broker(), 0)
    routes.wipeWritePerm('broker-a')
    routes.deleteTopic('TopicB')
    routes.register(broker(), 1)
    expect([permOf(routes, 'TopicA'), permOf(routes, 'TopicB')]).toEqual([[PERM_READ], [RW]])
    routes.register(broker({ dataVersion: version(2) }), 2)
    expect(permOf(routes, 'TopicA')).toEqual([RW])
  })

  test('topics that a later registration lacks are kept, unless configured otherwise', () => {
    for (const deleteTopicWithBrokerRegistration of [false, true]) {
      const routes = registry({ deleteTopicWithBrokerRegistration })
      routes.register(broker(), 0)
      routes.register(broker({ topics: [topic('TopicA'), topic('New')], dataVersion: version(2) }), 0)
      expect(routes.allTopics().sort()).toEqual(
        deleteTopicWithBrokerRegistration ? ['New', 'TopicA'] : ['New', 'TopicA', 'TopicB'],
      )
    }
  })

  test('one topic alone is an addition, and no first registration', () => {
    const routes = registry()
    expect(routes.register(broker({ topics: [topic('One')] }), 0)).toMatchObject({ outcome: 'refused' })
    expect(routes.sizes).toEqual({ topics: 0, brokers: 0, groups: 0, clusters: 0 })
    routes.register(broker(), 0)
    expect(routes.register(broker({ topics: [topic('One')], dataVersion: version(2) }), 0)).toMatchObject({
      outcome: 'registered',
    })
    expect(routes.allTopics()).toEqual(['TopicA', 'TopicB', 'One'])
  })

  test('a slave that becomes master at its own address leaves its old id, and the topics stay', () => {
    const routes = registry()
    routes.register(broker(), 0)
    routes.registerTopic('Dynamic', [
      { brokerName: 'broker-a', readQueueNums: 1, writeQueueNums: 1, perm: RW, topicSysFlag: 0 },
    ])
    routes.unregister({ clusterName: 'c', brokerAddr: 'nobody', channel: {} })
    routes.register(broker({ brokerId: 1 }), 0)
    expect(addrsOf(routes, 'Dynamic')).toEqual([[[1, '10.0.0.1:10911']]])
    routes.register(broker({ brokerId: 0 }), 0)
    expect(addrsOf(routes, 'Dynamic')).toEqual([[[0, '10.0.0.1:10911']]])
    expect(routes.sizes.brokers).toBe(1)
  })

  test('a master at a new address replaces the old one, and the topics stay', () => {
    const routes = registry()
    routes.register(broker(), 0)
    routes.registerTopic('Dynamic', [
      { brokerName: 'broker-a', readQueueNums: 1, writeQueueNums: 1, perm: RW, topicSysFlag: 0 },
    ])
    routes.register(broker({ brokerAddr: '10.0.0.7:10911', dataVersion: version(1, 1) }), 0)
    expect(addrsOf(routes, 'Dynamic')).toEqual([[[0, '10.0.0.7:10911']]])
    expect(routes.sizes.brokers).toBe(1)
  })

  test('an address belongs to one group: a renamed broker leaves its old name', () => {
    const routes = registry()
    routes.register(broker(), 0)
    routes.register(broker({ brokerName: 'renamed' }), 0)
    expect(routes.clusterInfo().clusterAddrTable).toEqual(new Map([['c', ['renamed']]]))
    expect(routes.routeOf('TopicA')?.queueDatas).toMatchObject([{ brokerName: 'renamed' }])
  })

  test('a group that moves to another cluster is found there, with members that still say the old one', () => {
    const routes = registry()
    routes.register(broker(), 0)
    routes.register(slave(), 0)
    routes.register(broker({ clusterName: 'd' }), 0)
    expect(routes.clusterInfo().clusterAddrTable).toEqual(new Map([['d', ['broker-a']]]))
    expect(routes.heartbeat({ clusterName: 'c', brokerAddr: '10.0.0.2:10911', channel: {} }, 1)).toBe(true)
    expect(routes.heartbeat({ clusterName: 'c', brokerAddr: '10.0.0.1:10911', channel: {} }, 1)).toBe(false)
    expect(routes.expire(1e9).removals).toHaveLength(2)
    expect(routes.sizes).toEqual({ topics: 0, brokers: 0, groups: 0, clusters: 0 })
  })
})

describe('the epoch of a master', () => {
  const oldChannel = { name: 'old' }
  const newChannel = { name: 'new' }
  const oldMaster = broker({ dataVersion: version(9, 5), channel: oldChannel })
  const newMaster = broker({
    dataVersion: version(1, 6),
    channel: newChannel,
    topics: [topic('TopicA'), topic('OfTheNew')],
  })
  const reference = { clusterName: 'c', brokerAddr: oldMaster.brokerAddr }

  function replaced(): RouteRegistry {
    const routes = registry()
    routes.register(oldMaster, 0)
    routes.register(newMaster, 10)
    return routes
  }

  test('a registration of an earlier one is ignored, at the same address and at another', () => {
    const routes = replaced()
    expect(routes.register(oldMaster, 20)).toMatchObject({
      outcome: 'stale',
      reason: expect.stringContaining('stateVersion 5'),
    })
    expect(routes.register({ ...oldMaster, brokerAddr: '10.0.0.5:10911' }, 20)).toMatchObject({ outcome: 'stale' })
    expect(routes.register({ ...oldMaster, brokerId: 3 }, 20)).toMatchObject({ outcome: 'stale' })
    expect(routes.dataVersionOf('c', oldMaster.brokerAddr)).toEqual(version(1, 6))
    expect(routes.sizes.brokers).toBe(1)
  })

  test('so are its heartbeats and its unregister, whether the epoch is said or known from the connection', () => {
    const routes = replaced()
    for (const stale of [
      { ...reference, channel: oldChannel },
      { ...reference, channel: {} },
      { ...reference, channel: {}, stateVersion: 5 },
    ]) {
      expect(routes.heartbeat(stale, 50)).toBe(false)
      expect(routes.unregister(stale)).toBeUndefined()
    }
    expect(routes.heartbeat({ ...reference, channel: newChannel }, 60)).toBe(true)
    expect(routes.heartbeat({ ...reference, channel: {}, stateVersion: 6 }, 60)).toBe(true)
    expect(routes.unregister({ ...reference, channel: newChannel })).toMatchObject({ brokerId: 0 })
    expect(routes.sizes.groups).toBe(0)
  })

  test('the old connection may close: only the one that registered last counts', () => {
    const routes = replaced()
    expect(routes.channelClosed(oldChannel)).toEqual([])
    expect(routes.sizes.brokers).toBe(1)
    expect(routes.channelClosed(newChannel)).toHaveLength(1)
    expect(routes.sizes.brokers).toBe(0)
  })

  test('brokers without epochs leave over any connection, as with Apache', () => {
    const routes = registry()
    routes.register(broker(), 0)
    expect(routes.unregister({ ...reference, channel: {} })).toBeDefined()
  })

  test('a slave may come back with less at its own address', () => {
    const routes = registry()
    routes.register(slave({ dataVersion: version(1, 6) }), 0)
    expect(routes.register(slave({ dataVersion: version(1, 0) }), 0)).toMatchObject({ outcome: 'registered' })
    expect(routes.register(slave({ dataVersion: version(1, 7) }), 0)).toMatchObject({ outcome: 'registered' })
    expect(routes.register(slave({ dataVersion: version(1, 6), brokerAddr: '10.0.0.8:1' }), 0)).toMatchObject({
      outcome: 'stale',
    })
  })
})

describe('leaving', () => {
  test('the last member takes the group and its topics along', () => {
    const routes = registry()
    routes.register(broker(), 0)
    routes.register(broker({ brokerName: 'broker-b', brokerAddr: 'b:1', topics: [topic('TopicB'), topic('OnlyB')] }), 0)
    routes.unregister({ clusterName: 'c', brokerAddr: 'b:1', channel: {} })
    expect(routes.allTopics()).toEqual(['TopicA', 'TopicB'])
    expect(routes.clusterInfo().clusterAddrTable).toEqual(new Map([['c', ['broker-a']]]))
  })

  test('silence is measured against what the broker said, and counts from beyond it', () => {
    const routes = registry()
    const channel = {}
    routes.register(broker({ heartbeatTimeoutMs: 10_000, channel }), 1000)
    routes.register(slave(), 1000)
    expect(routes.expire(11_000)).toEqual({ removals: [], channels: [] })
    expect(routes.expire(11_001)).toMatchObject({ removals: [{ brokerId: 0 }], channels: [channel] })
    routes.heartbeat({ clusterName: 'c', brokerAddr: '10.0.0.2:10911', channel: {} }, 2000)
    expect(routes.expire(122_000).removals).toEqual([])
    expect(routes.expire(122_001).removals).toHaveLength(1)
    expect(routes.sizes.brokers).toBe(0)
  })

  test('a connection that others still use is not closed for one that fell silent', () => {
    const routes = registry()
    const channel = {}
    routes.register(broker({ heartbeatTimeoutMs: 10, channel }), 0)
    routes.register(slave({ channel }), 0)
    expect(routes.expire(100)).toMatchObject({ removals: [{ brokerId: 0 }], channels: [] })
  })

  test('a closed connection takes along all brokers behind it', () => {
    const routes = registry()
    const channel = {}
    routes.register(broker({ channel }), 0)
    routes.register(slave({ channel }), 0)
    expect(routes.channelClosed(channel)).toHaveLength(2)
    expect(routes.channelClosed(channel)).toEqual([])
    expect(routes.sizes).toEqual({ topics: 0, brokers: 0, groups: 0, clusters: 0 })
  })
})

describe('acting master', () => {
  const acting = { enableActingMaster: true }

  test('without a master the queues lose the write permission and the smallest slave stands in its place', () => {
    const routes = registry({ supportActingMaster: true })
    routes.register(broker(acting), 0)
    routes.register(slave(acting), 0)
    routes.register(slave({ ...acting, brokerId: 2, brokerAddr: '10.0.0.3:10911' }), 0)
    routes.unregister({ clusterName: 'c', brokerAddr: '10.0.0.1:10911', channel: {} })
    expect(permOf(routes, 'TopicA')).toEqual([PERM_READ])
    expect(addrsOf(routes, 'TopicA')).toEqual([
      [
        [0, '10.0.0.2:10911'],
        [2, '10.0.0.3:10911'],
      ],
    ])
    expect([...routes.memberGroup('broker-a')]).toEqual([
      [1, '10.0.0.2:10911'],
      [2, '10.0.0.3:10911'],
    ])
    routes.register(broker(acting), 0)
    expect(permOf(routes, 'TopicA')).toEqual([RW])
    expect(addrsOf(routes, 'TopicA')![0]).toHaveLength(3)
  })

  test('what the smallest slave registers then is read-only; without the option it keeps its own id', () => {
    const routes = registry()
    routes.register(slave(acting), 0)
    expect(permOf(routes, 'TopicA')).toEqual([PERM_READ])
    expect(addrsOf(routes, 'TopicA')).toEqual([[[1, '10.0.0.2:10911']]])
  })

  test('the topics by which members find one another show the truth', () => {
    const routes = registry({ supportActingMaster: true })
    routes.register(slave({ ...acting, topics: [topic('rmq_sys_SYNC_BROKER_MEMBER_broker-a'), topic('T')] }), 0)
    expect(addrsOf(routes, 'rmq_sys_SYNC_BROKER_MEMBER_broker-a')).toEqual([[[1, '10.0.0.2:10911']]])
    expect(addrsOf(routes, 'T')).toEqual([[[0, '10.0.0.2:10911']]])
  })

  test('a new smallest id is told to the others, a lost one to all that remain', () => {
    const routes = registry()
    routes.register(slave(acting), 0)
    expect(routes.register(slave({ ...acting, brokerId: 2, brokerAddr: '10.0.0.3:10911' }), 0)).not.toHaveProperty(
      'minBrokerIdChange.minBrokerId',
    )
    expect(routes.register(broker(acting), 0)).toMatchObject({
      minBrokerIdChange: {
        minBrokerId: 0,
        minBrokerAddr: '10.0.0.1:10911',
        haBrokerAddr: '10.0.0.1:10912',
        notify: ['10.0.0.2:10911', '10.0.0.3:10911'],
      },
    })
    expect(routes.unregister({ clusterName: 'c', brokerAddr: '10.0.0.1:10911', channel: {} })).toMatchObject({
      minBrokerIdChange: {
        minBrokerId: 1,
        offlineBrokerAddr: '10.0.0.1:10911',
        notify: ['10.0.0.2:10911', '10.0.0.3:10911'],
      },
    })
  })
})

describe('lists and permissions', () => {
  test('wipe and add count the topics of the group', () => {
    const routes = registry()
    routes.register(broker({ topics: [topic('TopicA', 7), topic('TopicB', PERM_READ)] }), 0)
    expect(routes.wipeWritePerm('broker-a')).toBe(2)
    expect([permOf(routes, 'TopicA'), permOf(routes, 'TopicB')]).toEqual([[5], [PERM_READ]])
    expect(routes.addWritePerm('broker-a')).toBe(2)
    expect([permOf(routes, 'TopicA'), permOf(routes, 'TopicB')]).toEqual([[RW], [RW]])
    expect(routes.wipeWritePerm('nobody')).toBe(0)
  })

  test('topics by cluster, by flag, and those that brokers have for being there', () => {
    const routes = registry()
    const flagged = (name: string, topicSysFlag: number) => ({ ...topic(name), topicSysFlag })
    routes.register(broker({ topics: [flagged('Unit', 1), flagged('Sub', 2), flagged('Both', 3)] }), 0)
    routes.register(
      broker({ clusterName: 'd', brokerName: 'broker-b', brokerAddr: 'b:1', topics: [topic('Unit'), topic('P')] }),
      0,
    )
    expect(routes.topicsOfCluster('d')).toEqual(['Unit', 'P'])
    expect(routes.topicsOfCluster('nowhere')).toEqual([])
    expect(routes.topicsBySysFlag(flag => (flag & 1) === 1)).toEqual(['Unit', 'Both'])
    expect(routes.systemTopics()).toEqual({ topics: ['c', 'broker-a', 'd', 'broker-b'], brokerAddr: '10.0.0.1:10911' })
  })

  test('a topic is deleted everywhere or in one cluster', () => {
    const routes = registry()
    routes.register(broker(), 0)
    routes.register(broker({ clusterName: 'd', brokerName: 'broker-b', brokerAddr: 'b:1' }), 0)
    routes.deleteTopic('TopicA', 'd')
    expect(routes.routeOf('TopicA')?.queueDatas).toMatchObject([{ brokerName: 'broker-a' }])
    routes.deleteTopic('TopicA', 'nowhere')
    routes.deleteTopic('TopicB')
    routes.deleteTopic('nothing')
    expect(routes.allTopics()).toEqual(['TopicA'])
  })

  test('queues are only added to groups that are there, all or none', () => {
    const routes = registry()
    routes.register(broker(), 0)
    const queueData = { brokerName: 'broker-a', readQueueNums: 2, writeQueueNums: 2, perm: RW, topicSysFlag: 0 }
    expect(routes.registerTopic('New', [queueData, { ...queueData, brokerName: 'ghost' }])).toBe('ghost')
    expect(routes.routeOf('New')).toBeUndefined()
    expect(routes.registerTopic('New', [queueData])).toBeUndefined()
    expect(routes.routeOf('New')?.queueDatas).toEqual([queueData])
  })

  test('filter servers and static topic mappings come with the route', () => {
    const routes = registry()
    const mapping = {
      topic: 'TopicA',
      bname: 'broker-a',
      currIdMap: new Map([[0, 0]]),
      dirty: false,
      epoch: 1,
      scope: '__global__',
      totalQueues: 1,
    }
    routes.register(
      broker({ filterServers: ['f:1'], topicQueueMappings: [mapping, { ...mapping, topic: 'unknown' }] }),
      0,
    )
    expect(routes.routeOf('TopicA')).toMatchObject({
      filterServerTable: new Map([['10.0.0.1:10911', ['f:1']]]),
      topicQueueMappingByBroker: new Map([['broker-a', mapping]]),
    })
    routes.register(broker({ filterServers: undefined }), 0)
    expect(routes.routeOf('TopicB')?.filterServerTable.size).toBe(1)
    routes.register(broker({ filterServers: [] }), 0)
    expect(routes.routeOf('TopicB')?.filterServerTable.size).toBe(0)
  })
})

test('10,000 topics on 100 groups: registering, asking and leaving stay quick', () => {
  const routes = registry()
  const topics = Array.from({ length: 10_000 }, (_, i) => topic(`Topic_${i}`))
  const started = performance.now()
  const channels = Array.from({ length: 100 }, () => ({}))
  const all = channels.map((channel, i) =>
    broker({ brokerName: `broker-${i}`, brokerAddr: `10.0.1.${i}:10911`, topics, channel }),
  )
  for (const registration of all) routes.register(registration, 0)
  for (const registration of all) routes.register(registration, 1)
  for (let i = 0; i < 1000; i++) expect(routes.routeOf(`Topic_${i}`)!.brokerDatas).toHaveLength(100)
  for (const channel of channels) expect(routes.channelClosed(channel)).toHaveLength(1)
  expect(routes.sizes).toEqual({ topics: 0, brokers: 0, groups: 0, clusters: 0 })
  // About 2 s on one slow core; scanning all topics for each broker that leaves would take minutes.
  expect(performance.now() - started).toBeLessThan(20_000)
})
