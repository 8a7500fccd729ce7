import { expect, test } from '@jest/globals'
import { createOffsetMsgId, encodeHost } from '@rocketcluster/protocol'
import { Admin } from './admin.ts'
import { Producer } from './producer.ts'
import { cleanUp, later, startCluster } from './testing/setup.ts'

cleanUp()

async function start() {
  const { world, cluster } = await startCluster({ nameServers: 2 })
  const admin = new Admin(world, { nameServers: cluster.nameServers.join(';') })
  later(() => admin.close())
  return { world, cluster, admin, addresses: cluster.brokers.map(({ address }) => address) }
}

test('a topic is made on all masters, listed, routed, looked into and deleted', async () => {
  const { admin, cluster, addresses } = await start()
  expect(await admin.createTopic('T', { readQueueNums: 2, writeQueueNums: 2 })).toEqual(addresses)
  expect(await admin.topicList()).toContain('T')
  expect((await admin.topicRoute('T')).queueDatas).toMatchObject([
    { brokerName: 'broker-a', writeQueueNums: 2 },
    { brokerName: 'broker-b' },
  ])
  expect(await admin.awaitTopic('T')).toMatchObject({
    brokerDatas: [{ brokerName: 'broker-a' }, { brokerName: 'broker-b' }],
  })
  expect(await admin.topicStats('T')).toEqual(
    ['broker-a', 'broker-b'].flatMap(brokerName =>
      [0, 1].map(queueId => ({
        messageQueue: { topic: 'T', brokerName, queueId },
        minOffset: 0,
        maxOffset: 0,
        lastUpdateTimestamp: 0,
      })),
    ),
  )
  await admin.deleteTopic('T', { clusterName: 'DefaultCluster' })
  expect(cluster.deleted).toEqual(['T', 'T'])
})

test('a topic can be made on one broker, or in one cluster', async () => {
  const { admin, addresses } = await start()
  expect(await admin.createTopic('One', { brokerAddress: addresses[1]! })).toEqual([addresses[1]])
  expect(await admin.createTopic('All', { clusterName: 'DefaultCluster' })).toEqual(addresses)
  await expect(admin.createTopic('None', { clusterName: 'Elsewhere' })).rejects.toThrow(
    'there is no cluster Elsewhere; there are: DefaultCluster',
  )
  await expect(admin.createTopic('no good')).rejects.toMatchObject({ field: 'topic' })
  await expect(admin.awaitTopic('Never', { timeoutMs: 50 })).rejects.toMatchObject({ status: 'TOPIC_NOT_EXIST' })
})

test('cluster information', async () => {
  const { admin, addresses } = await start()
  const { brokerAddrTable, clusterAddrTable } = await admin.clusterInfo()
  expect([...clusterAddrTable]).toEqual([['DefaultCluster', ['broker-a', 'broker-b']]])
  expect([...brokerAddrTable.values()].map(({ brokerAddrs }) => brokerAddrs.get(0))).toEqual(addresses)
})

test('groups: how far they are, and moving them', async () => {
  const { admin, cluster } = await start()
  cluster.create('T', 1)
  const stats = await admin.consumeStats('CG', 'T')
  expect(stats.offsets).toMatchObject([
    { messageQueue: { brokerName: 'broker-a' }, brokerOffset: 9, consumerOffset: 4 },
    { messageQueue: { brokerName: 'broker-b' } },
  ])
  expect(stats.consumeTps).toBe(3)
  expect(await admin.consumeStats('nobody')).toEqual({ consumeTps: 0, offsets: [] })
  expect(await admin.resetOffset({ consumerGroup: 'CG', topic: 'T', timestamp: 'now' })).toMatchObject([
    { offset: 5 },
    { offset: 5 },
  ])
  expect(cluster.brokers[0]!.resets).toMatchObject([
    { topic: 'T', group: 'CG', timestamp: -1, isForce: true, queueId: -1 },
  ])
  await expect(admin.resetOffset({ consumerGroup: 'CG', topic: 'T', offset: 3 })).rejects.toMatchObject({
    field: 'queueId',
  })
})

test('messages by id, by key and by unique key', async () => {
  const { world, admin, cluster } = await start()
  const producer = new Producer(world, { client: admin.client })
  await producer.start()
  later(() => producer.stop())
  cluster.create('T', 1)
  const sent = []
  for (let i = 0; i < 4; i++) sent.push(await producer.send({ topic: 'T', body: `b${i}`, keys: `order${i % 2}` }))
  expect((await admin.queryMessage('T', 'order1')).map(({ body }) => body.toString())).toEqual(['b1', 'b3'])
  expect(
    (await admin.queryMessage('T', sent[2]!.msgId, { uniqueKey: true })).map(({ body }) => body.toString()),
  ).toEqual(['b2'])
  expect(await admin.queryMessage('TBW102', 'x')).toEqual([])
  const [broker] = cluster.brokers
  const id = createOffsetMsgId(encodeHost('127.0.0.1', broker!.port), 0)
  expect((await admin.viewMessage(id)).offsetMsgId).toBe(id)
  await expect(admin.viewMessage('zz')).rejects.toMatchObject({ field: 'offsetMsgId' })
})

test('settings are written as Java reads them', async () => {
  const { admin, cluster, addresses } = await start()
  await admin.updateBrokerConfig(addresses[0]!, { flushDiskType: 'SYNC_FLUSH', path: 'c:\\a=b' })
  expect(cluster.brokers[0]!.configs).toEqual(['flushDiskType=SYNC_FLUSH\npath=c\\:\\\\a\\=b\n'])
})
