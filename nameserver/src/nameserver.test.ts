import { afterEach, expect, test } from '@jest/globals'
import { nameserverRequests } from '@rocketcluster/protocol'
import { RemotingClient } from '@rocketcluster/remoting'
import { nodeWorld } from '@rocketcluster/world/node'
import { brokerExt, cleanUp, connectTo, eventually, registration, startNameserver, version } from './testing/fixture.ts'
import { notifyMinBrokerIdChange } from './testing/notify-min-broker-id-change.ts'
import type { RawClient } from './testing/raw-client.ts'

afterEach(cleanUp)

const routeCode = async (client: RawClient) => (await client.ask(105, { ext: { topic: 'TopicA' } })).code

test('two name servers know nothing of each other', async () => {
  const [one, two] = [await startNameserver(), await startNameserver()]
  const [toOne, toTwo] = [await connectTo(one), await connectTo(two)]
  await toOne.ask(103, registration())
  await toOne.ask(100, { ext: { namespace: 'n', key: 'k', value: 'v' } })
  expect([await routeCode(toOne), await routeCode(toTwo)]).toEqual([0, 17])
  expect(await toTwo.ask(101, { ext: { namespace: 'n', key: 'k' } })).toMatchObject({ code: 22 })
})

test('a broker whose connection closes is gone at once', async () => {
  const nameserver = await startNameserver()
  const [broker, client] = [await connectTo(nameserver), await connectTo(nameserver)]
  await broker.ask(103, registration())
  expect(await routeCode(client)).toBe(0)
  const closedAt = Date.now()
  await broker.close()
  await eventually(async () => (await routeCode(client)) === 17)
  expect(Date.now() - closedAt).toBeLessThan(1000)
  expect(await nameserver.metrics.registry.metrics()).toContain(
    'rocketmq_namesrv_brokers_removed_total{reason="channel_closed",node_type="namesrv"} 1',
  )
})

test('the connection of an old master may close, beat and unregister after the new one has registered', async () => {
  const nameserver = await startNameserver()
  const [old, fresh, client] = [await connectTo(nameserver), await connectTo(nameserver), await connectTo(nameserver)]
  await old.ask(103, registration({}, { dataVersion: version(1, 1) }))
  await fresh.ask(103, registration({}, { dataVersion: version(1, 2) }))
  expect(await old.ask(104, { ext: brokerExt() })).toMatchObject({
    code: 0,
    remark: expect.stringContaining('ignored'),
  })
  expect(await old.ask(904, { ext: brokerExt() })).toMatchObject({
    code: 0,
    remark: expect.stringContaining('ignored'),
  })
  await old.close()
  await new Promise(resolve => setTimeout(resolve, 100))
  expect(await routeCode(client)).toBe(0)
  await fresh.close()
  await eventually(async () => (await routeCode(client)) === 17)
})

test('a broker that is silent for longer than it said is gone, and its connection is closed', async () => {
  const nameserver = await startNameserver({ scanNotActiveBrokerInterval: 100 })
  const [silent, alive, client] = [
    await connectTo(nameserver),
    await connectTo(nameserver),
    await connectTo(nameserver),
  ]
  const ext = { heartbeatTimeoutMillis: 300 }
  await silent.ask(103, registration({}, { ext }))
  await alive.ask(103, registration({ brokerName: 'broker-b', brokerAddr: '10.0.0.5:10911' }, { ext }))
  const beat = setInterval(() => {
    void alive.ask(904, { ext: brokerExt({ brokerName: 'broker-b', brokerAddr: '10.0.0.5:10911' }) })
  }, 50)
  try {
    await silent.closed()
    const { body } = await client.ask(105, { ext: { topic: 'TopicA' } })
    expect(JSON.parse(body.toString()).queueDatas).toMatchObject([{ brokerName: 'broker-b' }])
  } finally {
    clearInterval(beat)
  }
})

test('the members of a group are told who has the smallest id, when that is wanted', async () => {
  const told = await notifyMinBrokerIdChange()
  try {
    const slave = { brokerId: 1, brokerAddr: `127.0.0.1:${told.port}` }
    const ext = { enableActingMaster: true }
    const quiet = await connectTo(await startNameserver())
    await quiet.ask(103, registration(slave, { ext }))
    await quiet.ask(103, registration({}, { ext }))
    const client = await connectTo(await startNameserver({ notifyMinBrokerIdChanged: true }))
    await client.ask(103, registration(slave, { ext }))
    await client.ask(103, registration({}, { ext }))
    await client.ask(104, { ext: brokerExt() })
    await eventually(() => told.headers.length >= 2)
    expect(told.headers).toEqual([
      { brokerName: 'broker-a', minBrokerId: 0, minBrokerAddr: '10.0.0.1:10911', haBrokerAddr: '10.0.0.1:10912' },
      { brokerName: 'broker-a', minBrokerId: 1, minBrokerAddr: slave.brokerAddr, offlineBrokerAddr: '10.0.0.1:10911' },
    ])
  } finally {
    await told.close()
  }
})

test('routes are not answered before waitSecondsForService when that is wanted', async () => {
  const client = await connectTo(await startNameserver({ needWaitForService: true, waitSecondsForService: 1 }))
  await client.ask(103, registration())
  expect(await client.ask(105, { ext: { topic: 'TopicA' } })).toMatchObject({
    code: 1,
    remark: 'name server not ready',
  })
  await eventually(async () => (await routeCode(client)) === 0)
})

test('ready when the expected groups have registered', async () => {
  const nameserver = await startNameserver({ expectedBrokers: ['broker-a', 'broker-b'] })
  const client = await connectTo(nameserver)
  expect(nameserver.waitingFor()).toEqual(['broker-a', 'broker-b'])
  await client.ask(103, registration())
  expect(nameserver.waitingFor()).toEqual(['broker-b'])
  await client.ask(103, registration({ brokerName: 'broker-b', brokerAddr: '10.0.0.5:10911' }))
  expect(nameserver.waitingFor()).toEqual([])
  await client.close()
  await new Promise(resolve => setTimeout(resolve, 50))
  expect(nameserver.waitingFor()).toEqual([])
})

test('metrics count brokers, topics, connections and requests', async () => {
  const nameserver = await startNameserver()
  const client = await connectTo(nameserver)
  await client.ask(103, registration())
  await client.ask(103, registration({ brokerName: 'broker-b', brokerId: 1, brokerAddr: '10.0.0.5:10911' }))
  await routeCode(client)
  await client.ask(4711)
  const text = await nameserver.metrics.registry.metrics()
  for (const line of [
    'rocketmq_topic_number{node_type="namesrv"} 2',
    'rocketmq_namesrv_brokers{cluster="DefaultCluster",node_type="namesrv"} 2',
    'rocketmq_namesrv_broker_groups{cluster="DefaultCluster",node_type="namesrv"} 2',
    'rocketmq_namesrv_broker_groups_without_master{cluster="DefaultCluster",node_type="namesrv"} 1',
    'rocketmq_namesrv_connections{node_type="namesrv"} 1',
    'rocketmq_namesrv_registrations_total{outcome="registered",node_type="namesrv"} 2',
  ])
    expect(text).toContain(line)
  expect(text).toMatch(
    /rocketmq_rpc_latency_count\{[^}]*request_code="get_routeinfo_by_topic"[^}]*response_code="success"[^}]*\} 1/,
  )
  expect(text).toMatch(
    /rocketmq_rpc_latency_count\{[^}]*request_code="unknown"[^}]*response_code="request_code_not_supported"[^}]*\} 1/,
  )
})

test('stops at once however many quiet connections there are, and frees its port', async () => {
  const nameserver = await startNameserver({ shutdownWaitTimeSeconds: 5 })
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectTo(nameserver)))
  await clients[0]!.ask(103, registration())
  const from = Date.now()
  await nameserver.stop()
  expect(Date.now() - from).toBeLessThan(1000)
  await Promise.all(clients.map(client => client.closed()))
  const next = await startNameserver({ listenPort: nameserver.port })
  expect(await routeCode(await connectTo(next))).toBe(17)
})

test('bytes that are no frame cost their sender the connection, and nobody else', async () => {
  const nameserver = await startNameserver()
  const [good, client] = [await connectTo(nameserver), await connectTo(nameserver)]
  await good.ask(103, registration())
  for (const bytes of [
    [0xff, 0xff, 0xff, 0xff],
    [0x7f, 0xff, 0xff, 0xff],
    [0, 0, 0, 0],
    [0, 0, 0, 8, 0, 0xff, 0xff, 0xff, 1, 2, 3, 4],
  ]) {
    const bad = await connectTo(nameserver)
    bad.write(Buffer.from(bytes))
    await bad.closed()
  }
  expect(await routeCode(client)).toBe(0)
})

test('our own client reads its answers', async () => {
  const nameserver = await startNameserver()
  await (await connectTo(nameserver)).ask(103, registration())
  const client = new RemotingClient(nodeWorld())
  const address = `127.0.0.1:${nameserver.port}`
  const { body } = await client.invoke(address, nameserverRequests.getRouteinfoByTopic, { topic: 'TopicA' })
  expect(body?.brokerDatas).toMatchObject([{ brokerName: 'broker-a', brokerAddrs: new Map([[0, '10.0.0.1:10911']]) }])
  await expect(
    client.invoke(address, nameserverRequests.getRouteinfoByTopic, { topic: 'Nobody' }),
  ).rejects.toMatchObject({
    status: 'TOPIC_NOT_EXIST',
  })
  await client.close()
})
