import { Buffer } from 'node:buffer'
import { describe, expect, test } from '@jest/globals'
import { parseProperties, parseUniqKey, property, sysFlag } from '@rocketcluster/protocol'
import { Producer, type ProducerOptions } from './producer.ts'
import { cleanUp, later, startCluster } from './testing/setup.ts'

cleanUp()

async function start(
  options: Omit<Partial<ProducerOptions>, 'nameServers'> & { brokers?: number; nameServers?: number } = {},
) {
  const { world, cluster } = await startCluster(options)
  const producer = new Producer(world, { ...options, nameServers: cluster.nameServers, producerGroup: 'PG' })
  await producer.start()
  later(() => producer.stop())
  return { world, cluster, producer, sent: () => cluster.brokers.flatMap(({ sent }) => sent) }
}

test('a message arrives with its tags, keys, properties and a UNIQ_KEY', async () => {
  const { producer, cluster, world } = await start({ brokers: 1 })
  cluster.create('TopicTest', 4)
  const result = await producer.send({
    topic: 'TopicTest',
    body: 'grüezi',
    tags: 'TagA',
    keys: ['k1', 'k2'],
    properties: { colour: 'red' },
    flag: 7,
  })
  const [broker] = cluster.brokers
  const [header] = broker!.sent
  expect(result).toMatchObject({
    sendStatus: 'SEND_OK',
    offsetMsgId: 'id0',
    messageQueue: { topic: 'TopicTest', brokerName: 'broker-a', queueId: header!.queueId },
    queueOffset: 0,
    transactionId: result.msgId,
  })
  expect(header).toMatchObject({
    producerGroup: 'PG',
    topic: 'TopicTest',
    defaultTopic: 'TBW102',
    flag: 7,
    sysFlag: 0,
    batch: false,
  })
  const properties = parseProperties(header!.properties!)
  expect(Object.fromEntries(properties)).toEqual({ TAGS: 'TagA', KEYS: 'k1 k2', colour: 'red', UNIQ_KEY: result.msgId })
  expect(parseUniqKey(result.msgId, world.clock).address).toBe('127.0.0.1')
  expect(broker!.bodies[0]!.toString()).toBe('grüezi')
})

test('sends go round all queues of all brokers', async () => {
  const { producer, cluster } = await start()
  cluster.create('T', 2)
  const queues = new Set<string>()
  for (let i = 0; i < 4; i++) {
    const { messageQueue } = await producer.send({ topic: 'T', body: 'x' })
    queues.add(`${messageQueue.brokerName} ${messageQueue.queueId}`)
  }
  expect(queues.size).toBe(4)
})

test('a body over 4 KiB is compressed, unless that makes it longer', async () => {
  const { producer, cluster, sent } = await start({ brokers: 1 })
  await producer.send({ topic: 'T', body: Buffer.alloc(5000, 'a') })
  await producer.send({ topic: 'T', body: Buffer.alloc(4096, 'a') })
  await producer.send({
    topic: 'T',
    body: Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919 * (i + 3)) & 255)),
  })
  expect(sent().map(header => header.sysFlag)).toEqual([
    sysFlag.COMPRESSED | sysFlag.COMPRESSION_ZLIB,
    0,
    expect.any(Number),
  ])
  expect(cluster.brokers[0]!.bodies[0]!.length).toBeLessThan(100)
  expect(cluster.brokers[0]!.bodies[1]!.length).toBe(4096)
})

describe('a topic that does not exist', () => {
  test('is made by sending to it, with the queues of TBW102', async () => {
    const { producer, cluster, sent } = await start({ brokers: 1 })
    await producer.send({ topic: 'New', body: 'x' })
    expect(cluster.topics.get('New')).toEqual(new Map([['broker-a', 4]]))
    expect(sent()[0]).toMatchObject({ defaultTopicQueueNums: 4 })
    expect(await producer.fetchPublishMessageQueues('New')).toHaveLength(4)
  })

  test('is refused when no broker makes topics', async () => {
    const { producer, cluster } = await start()
    cluster.autoCreateTopicEnable = false
    await expect(producer.send({ topic: 'New', body: 'x' })).rejects.toMatchObject({
      name: 'ClientError',
      code: 'NO_ROUTE',
      message: 'no name server knows topic New, and no broker creates topics by itself (autoCreateTopicEnable)',
    })
  })
})

describe('when a send fails', () => {
  test('another broker is tried for codes that say so', async () => {
    const { producer, cluster } = await start()
    cluster.create('T', 2)
    for (const broker of cluster.brokers) broker.failures.push('SYSTEM_BUSY')
    // Both refuse once; the third attempt comes through.
    expect(await producer.send({ topic: 'T', body: 'x' })).toMatchObject({ sendStatus: 'SEND_OK' })
  })

  test('it is not tried again for others', async () => {
    const { producer, cluster, sent } = await start()
    cluster.create('T', 2)
    for (const broker of cluster.brokers) broker.failures.push('MESSAGE_ILLEGAL')
    await expect(producer.send({ topic: 'T', body: 'x' })).rejects.toMatchObject({
      name: 'ResponseError',
      status: 'MESSAGE_ILLEGAL',
    })
    expect(sent()).toEqual([])
  })

  test('after the last attempt the error says how many there were and why', async () => {
    const { producer, cluster } = await start({ retryTimesWhenSendFailed: 1 })
    cluster.create('T', 2)
    for (const broker of cluster.brokers) broker.failures.push('SYSTEM_BUSY', 'SYSTEM_BUSY')
    await expect(producer.send({ topic: 'T', body: 'x' })).rejects.toMatchObject({
      code: 'SEND_FAILED',
      message: expect.stringMatching(/could not be sent in 2 attempts: told to say SYSTEM_BUSY/),
      cause: { status: 'SYSTEM_BUSY' },
    })
  })

  test('a dead broker is passed over', async () => {
    const { producer, cluster } = await start()
    cluster.create('T', 1)
    await producer.send({ topic: 'T', body: 'x' })
    await cluster.brokers[0]!.stop()
    for (let i = 0; i < 4; i++)
      expect((await producer.send({ topic: 'T', body: 'x' })).messageQueue.brokerName).toBe('broker-b')
  })

  test('a dead name server is passed over', async () => {
    const { producer, cluster } = await start({ nameServers: 2 })
    await cluster.stopNameServer(0)
    expect(await producer.send({ topic: 'T', body: 'x' })).toMatchObject({ sendStatus: 'SEND_OK' })
    await cluster.stopNameServer(1)
    await expect(producer.send({ topic: 'Other', body: 'x' })).rejects.toMatchObject({ code: 'NO_NAME_SERVER' })
  })

  test('a slow broker is a timeout over all attempts', async () => {
    const { producer, cluster } = await start()
    cluster.create('T', 1)
    for (const broker of cluster.brokers) broker.sendDelayMs = 400
    const startMs = performance.now()
    await expect(producer.send({ topic: 'T', body: 'x' }, { timeoutMs: 100 })).rejects.toMatchObject({
      name: 'TransportError',
      kind: 'timeout',
    })
    expect(performance.now() - startMs).toBeLessThan(350)
  })

  test('with sendLatencyFaultEnable a broker that failed is left alone', async () => {
    const { producer, cluster } = await start({ sendLatencyFaultEnable: true })
    cluster.create('T', 1)
    cluster.brokers[0]!.failures.push('SYSTEM_ERROR')
    for (let i = 0; i < 6; i++) await producer.send({ topic: 'T', body: 'x' })
    const [a, b] = cluster.brokers.map(({ sent }) => sent.length)
    expect(a! + b!).toBe(6)
    expect(a).toBeLessThanOrEqual(1)
  })
})

test('what is stored but not where it should be is a result, not an error', async () => {
  const { producer, cluster } = await start({ brokers: 1 })
  cluster.brokers[0]!.sendStatus = 'FLUSH_SLAVE_TIMEOUT'
  expect(await producer.send({ topic: 'T', body: 'x' })).toMatchObject({
    sendStatus: 'FLUSH_SLAVE_TIMEOUT',
    queueOffset: 0,
  })
})

test('a batch is one request', async () => {
  const { producer, cluster, sent } = await start({ brokers: 1 })
  cluster.create('T', 1)
  const result = await producer.sendBatch([1, 2, 3].map(i => ({ topic: 'T', body: `m${i}`, tags: `t${i}` })))
  expect(sent()).toMatchObject([{ batch: true }])
  expect(result.msgId.split(',')).toHaveLength(3)
  expect(result.offsetMsgId.split(',')).toHaveLength(3)
  expect(cluster.brokers[0]!.queue('T', 0)).toHaveLength(3)
  await expect(producer.sendBatch([])).rejects.toThrow('is empty')
  await expect(
    producer.sendBatch([
      { topic: 'T', body: 'a' },
      { topic: 'U', body: 'b' },
    ]),
  ).rejects.toMatchObject({ field: 'messages[1].topic' })
  await expect(producer.sendBatch([{ topic: 'T', body: 'a', delayTimeLevel: 1 }])).rejects.toMatchObject({
    field: 'messages[0]',
  })
})

test('ordered sends go to the queue that was picked, and are not repeated elsewhere', async () => {
  const { producer, cluster } = await start()
  cluster.create('T', 2)
  for (let i = 0; i < 4; i++) {
    const { messageQueue } = await producer.sendOrdered({ topic: 'T', body: 'x' }, queues => queues[3]!)
    expect(messageQueue).toEqual({ topic: 'T', brokerName: 'broker-b', queueId: 1 })
  }
  cluster.brokers[1]!.failures.push('SYSTEM_BUSY')
  await expect(producer.sendOrdered({ topic: 'T', body: 'x' }, queues => queues[3]!)).rejects.toMatchObject({
    status: 'SYSTEM_BUSY',
  })
})

test('one-way messages arrive', async () => {
  const { producer, cluster } = await start({ brokers: 1 })
  cluster.create('T', 1)
  await producer.sendOneWay({ topic: 'T', body: 'x' })
  await producer.send({ topic: 'T', body: 'y' })
  expect(cluster.brokers[0]!.bodies.map(String)).toEqual(['x', 'y'])
})

test.each([
  [{ topic: '', body: 'x' }, 'topic', /blank/],
  [{ topic: 'a b', body: 'x' }, 'topic', /illegal characters/],
  [{ topic: 'SCHEDULE_TOPIC_XXXX', body: 'x' }, 'topic', /RocketMQ's own/],
  [{ topic: 'T', body: '' }, 'body', /is empty/],
  [{ topic: 'T', body: Buffer.alloc(101) }, 'body', /of 101 bytes exceeds maxMessageSize 100/],
  [{ topic: 'T', body: 'x', delayTimeLevel: -1 }, 'delayTimeLevel', /-1/],
  [{ topic: 'T', body: 'x', properties: { a: 'b\u0002c' } }, 'properties', /separator/],
])('%j is refused before anything is sent', async (message, field, why) => {
  const { producer, sent } = await start({ brokers: 1, maxMessageSize: 100 })
  await expect(producer.send(message)).rejects.toMatchObject({
    name: 'FieldError',
    field,
    message: expect.stringMatching(why),
  })
  expect(sent()).toEqual([])
})

test('heartbeats name the producer group, and stopping says goodbye', async () => {
  const { producer, cluster } = await start({ brokers: 1, heartbeatMs: 20 })
  const [broker] = cluster.brokers
  await producer.send({ topic: 'T', body: 'x' })
  await new Promise(resolve => setTimeout(resolve, 100))
  expect(broker!.heartbeats).toBeGreaterThan(1)
  expect([...broker!.clients.keys()]).toEqual([producer.client.clientId])
  await producer.stop()
  expect([...broker!.clients.keys()]).toEqual([])
  await expect(producer.send({ topic: 'T', body: 'x' })).rejects.toMatchObject({ code: 'NOT_RUNNING' })
})

test('a delayed message carries its level, a timed one its moment', async () => {
  const { producer, sent } = await start({ brokers: 1 })
  await producer.send({ topic: 'T', body: 'x', delayTimeLevel: 3 })
  await producer.send({ topic: 'T', body: 'x', deliverTimeMs: 1234 })
  const properties = sent().map(header => parseProperties(header.properties!))
  expect(properties[0]!.get(property.DELAY_TIME_LEVEL)).toBe('3')
  expect(properties[1]!.get(property.TIMER_DELIVER_MS)).toBe('1234')
})
