import { describe, expect, test } from '@jest/globals'
import { ManifestError, type RocketCluster, validateRocketCluster } from '@rocketcluster/crds'
import { brokerConfig } from './broker-config.ts'
import { controllerConfig } from './controller-config.ts'
import { namesrvConfig } from './namesrv-config.ts'
import { type Placement, processesOf, renderRocketCluster } from './render.ts'

const cluster = (spec: object = {}): RocketCluster =>
  validateRocketCluster({
    apiVersion: 'rocketcluster.dev/v1beta1',
    kind: 'RocketCluster',
    metadata: { name: 'demo' },
    spec,
  })

/** Each process on ports of its own. */
function placer(): (process: { name: string }) => Placement {
  let next = 10_000
  return ({ name }) => {
    next += 10
    return {
      host: '127.0.0.1',
      bindAddress: '127.0.0.1',
      listenPort: next,
      metricsPort: next + 5,
      directory: `/data/${name}`,
    }
  }
}

test('an empty spec is a name server and a broker', () => {
  const { processes, warnings } = renderRocketCluster(cluster(), placer())
  expect(
    processes.map(({ kind, name, brokerName, brokerId, address }) => ({ kind, name, brokerName, brokerId, address })),
  ).toEqual([
    { kind: 'nameserver', name: 'demo-nameserver-0', address: '127.0.0.1:10010' },
    { kind: 'broker', name: 'demo-broker-0-0', brokerName: 'demo-broker-0', brokerId: 0, address: '127.0.0.1:10020' },
  ])
  expect(warnings).toEqual([])
  expect(namesrvConfig.parse(processes[0]!.conf).config).toMatchObject({
    listenPort: 10_010,
    bindAddress: '127.0.0.1',
    metricsPromExporterPort: 10_015,
    kvConfigPath: '/data/demo-nameserver-0/kvConfig.json',
  })
  expect(brokerConfig.parse(processes[1]!.conf).config).toMatchObject({
    brokerClusterName: 'demo',
    brokerName: 'demo-broker-0',
    brokerId: 0,
    namesrvAddr: ['127.0.0.1:10010'],
    listenPort: 10_020,
    brokerIP1: '127.0.0.1',
    storePathRootDir: '/data/demo-broker-0-0',
    brokerRole: 'ASYNC_MASTER',
    flushDiskType: 'ASYNC_FLUSH',
    metricsExporterType: 'PROM',
  })
})

test('every broker knows every name server, and user keys reach every process of their kind', () => {
  const spec = {
    nameServer: { replicas: 2, config: { logLevel: 'warn' } },
    broker: { groups: 2, durability: { flush: 'Sync' }, config: { fileReservedTime: 12, deleteWhen: '02;14' } },
    monitoring: { metrics: false, labels: { team: 'a', zone: 'b' } },
  }
  const { processes } = renderRocketCluster(cluster(spec), placer())
  expect(processes.map(({ name }) => name)).toEqual([
    'demo-nameserver-0',
    'demo-nameserver-1',
    'demo-broker-0-0',
    'demo-broker-1-0',
  ])
  for (const { kind, conf } of processes) {
    if (kind === 'nameserver') {
      expect(namesrvConfig.parse(conf).config).toMatchObject({
        logLevel: 'warn',
        expectedBrokers: ['demo-broker-0', 'demo-broker-1'],
      })
    } else {
      expect(brokerConfig.parse(conf).config).toMatchObject({
        namesrvAddr: ['127.0.0.1:10010', '127.0.0.1:10020'],
        fileReservedTime: 12,
        deleteWhen: [2, 14],
        flushDiskType: 'SYNC_FLUSH',
        metricsExporterType: 'DISABLE',
        metricsLabel: 'team:a,zone:b',
      })
    }
  }
})

test('members of a group share its name, differ in their id, and have a controller', () => {
  expect(processesOf(cluster({ broker: { groups: 1, replicas: 3 } })).slice(1)).toEqual([
    { kind: 'controller', name: 'demo-controller-0' },
    ...[0, 1, 2].map(n => ({
      kind: 'broker',
      name: `demo-broker-0-${n}`,
      brokerName: 'demo-broker-0',
      brokerId: n + 1,
    })),
  ])
})

test('any member of a group may be its master; clients find it at one address, and durability says what it waits for', () => {
  const place = placer()
  const render = (durability: object) =>
    renderRocketCluster(cluster({ broker: { replicas: 3, durability } }), process => ({
      ...place(process),
      ...(process.kind === 'broker' && { groupListenPort: 9_000 }),
    })).processes
  const sync = render({ replication: 'Sync' })
  const controller = sync.find(({ kind }) => kind === 'controller')!
  expect(controllerConfig.parse(controller.conf).config).toMatchObject({
    advertisedAddress: controller.address,
    controllerStorePath: '/data/demo-controller-0/records',
  })
  const members = sync.filter(({ kind }) => kind === 'broker')
  expect(members.map(({ brokerId, groupAddress }) => [brokerId, groupAddress])).toEqual(
    [1, 2, 3].map(id => [id, '127.0.0.1:9000']),
  )
  for (const { conf, brokerId } of members)
    expect(brokerConfig.parse(conf).config).toMatchObject({
      brokerId,
      enableControllerMode: true,
      controllerAddr: [controller.address],
      totalReplicas: 3,
      minInSyncReplicas: 2,
      allAckInSyncStateSet: true,
      groupAddress: '127.0.0.1:9000',
      groupListenPort: 9000,
    })
  const async = render({ replication: 'Async' }).at(-1)!
  expect(brokerConfig.parse(async.conf).config).toMatchObject({ allAckInSyncStateSet: false })
})

describe('what is wrong in config is said by the manifest’s own fields', () => {
  const problems = (spec: object) => {
    try {
      renderRocketCluster(cluster(spec), placer())
    } catch (error) {
      if (error instanceof ManifestError) return error.problems.map(({ field, message }) => `${field}: ${message}`)
      throw error
    }
    return []
  }

  test('unknown keys and impossible values, once for all groups', () => {
    expect(
      problems({
        broker: { groups: 3, config: { fileReservedTme: 1, maxMessageSize: 'big' } },
        nameServer: { config: { x: 1 } },
      }),
    ).toEqual([
      'spec.nameServer.config.x: there is no such key',
      'spec.broker.config.fileReservedTme: there is no such key; did you mean fileReservedTime?',
      'spec.broker.config.maxMessageSize: "big" is not a whole number; allowed is a whole number from 1 to 1073741824',
    ])
  })
})

test('keys without effect are warnings', () => {
  const { warnings } = renderRocketCluster(
    cluster({ broker: { groups: 2, config: { sendMessageThreadPoolNums: 9 } } }),
    placer(),
  )
  expect(warnings).toEqual([
    'spec.broker.config.sendMessageThreadPoolNums has no effect: one event loop serves all requests, there are no thread pools to size',
  ])
})
