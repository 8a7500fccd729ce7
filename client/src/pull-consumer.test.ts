import { describe, expect, test } from '@jest/globals'
import { clientRequests } from '@rocketcluster/protocol'
import { ClientInstance } from './client-instance.ts'
import { Producer } from './producer.ts'
import { PullConsumer, type PullConsumerOptions } from './pull-consumer.ts'
import { cleanUp, eventually, later, startCluster } from './testing/setup.ts'

cleanUp()

async function start({ brokers = 1, topic = 'T', queues = 4 } = {}) {
  const { world, cluster } = await startCluster({ brokers })
  cluster.create(topic, queues)
  const producer = new Producer(world, { nameServers: cluster.nameServers })
  await producer.start()
  later(() => producer.stop())
  const consumer = async (options: Partial<PullConsumerOptions> = {}) => {
    const made = new PullConsumer(world, {
      nameServers: cluster.nameServers,
      consumerGroup: 'CG',
      subscriptions: { [topic]: '*' },
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      brokerSuspendMaxTimeMs: 200,
      ...options,
    })
    later(() => made.stop())
    await made.start()
    return made
  }
  const produce = async (count: number, tags?: string) => {
    for (let i = 0; i < count; i++) await producer.send({ topic, body: `${tags ?? 'm'}${i}`, tags })
  }
  return { world, cluster, producer, consumer, produce }
}

async function takeAll(consumer: PullConsumer, timeoutMs = 300): Promise<string[]> {
  const bodies: string[] = []
  for (;;) {
    const message = await consumer.take({ timeoutMs })
    if (!message) return bodies
    bodies.push(message.body.toString())
  }
}

describe('one consumer', () => {
  test('gets every message of every queue once, those of one queue in order', async () => {
    const { consumer, produce } = await start()
    await produce(100)
    const reader = await consumer()
    const positions = new Map<number, number>()
    let count = 0
    for await (const message of reader) {
      const { queueId } = message.messageQueue
      expect(message.queueOffset).toBe(positions.get(queueId) ?? 0)
      positions.set(queueId, message.queueOffset + 1)
      if (++count === 100) break
    }
    expect([...positions.values()].reduce((a, b) => a + b)).toBe(100)
  })

  test('a message that comes while a pull is held is delivered at once', async () => {
    const { consumer, produce } = await start({ queues: 1 })
    const reader = await consumer({ brokerSuspendMaxTimeMs: 10_000 })
    const startMs = performance.now()
    const taken = reader.take()
    await produce(1)
    expect((await taken)?.body.toString()).toBe('m0')
    expect(performance.now() - startMs).toBeLessThan(2000)
  })

  test('what was taken is committed, what was not comes again', async () => {
    const { consumer, produce, cluster } = await start({ queues: 1 })
    await produce(10)
    const first = await consumer()
    for (let i = 0; i < 4; i++) await first.take()
    // The fourth is not done: nobody has asked for a fifth.
    await first.stop()
    expect(cluster.brokers[0]!.offsets.get('T@CG@0')).toBe(3)
    const second = await consumer()
    expect(await takeAll(second)).toEqual(['m3', 'm4', 'm5', 'm6', 'm7', 'm8', 'm9'])
    await second.commit()
    expect(cluster.brokers[0]!.offsets.get('T@CG@0')).toBe(10)
  })

  test('commits happen by themselves', async () => {
    const { consumer, produce, cluster } = await start({ queues: 1 })
    await produce(3)
    const reader = await consumer({ autoCommitIntervalMs: 20 })
    await takeAll(reader)
    await eventually(() => expect(cluster.brokers[0]!.offsets.get('T@CG@0')).toBe(3))
  })

  test('only the tags wanted, and offsets move over the others', async () => {
    const { consumer, produce, cluster } = await start({ queues: 1 })
    // "Aa" and "BB" have one hash in Java: the broker cannot tell them apart.
    await produce(2, 'Aa')
    await produce(2, 'BB')
    await produce(2, 'other')
    const reader = await consumer({ subscriptions: { T: 'Aa || more' } })
    expect(await takeAll(reader)).toEqual(['Aa0', 'Aa1'])
    await reader.commit()
    expect(cluster.brokers[0]!.offsets.get('T@CG@0')).toBe(6)
  })

  test.each([
    ['CONSUME_FROM_LAST_OFFSET', ['m0']],
    ['CONSUME_FROM_FIRST_OFFSET', ['old0', 'm0']],
    ['CONSUME_FROM_TIMESTAMP', ['old0', 'm0']],
  ] as const)('a new group starts at %s', async (consumeFromWhere, expected) => {
    const { consumer, produce } = await start({ queues: 1 })
    await produce(1, 'old')
    const reader = await consumer({ consumeFromWhere, subscriptions: { T: '*' } })
    await new Promise(resolve => setTimeout(resolve, 50))
    await produce(1)
    expect(await takeAll(reader)).toEqual(expected)
  })

  test('an offset that the queue does not have leads to one that it has', async () => {
    const { consumer, produce, cluster } = await start({ queues: 1 })
    await produce(2)
    cluster.brokers[0]!.offsets.set('T@CG@0', 1000)
    const reader = await consumer()
    await eventually(() => expect(cluster.brokers[0]!.pulls.at(-1)?.queueOffset).toBe(2))
    await produce(1, 'new')
    expect(await takeAll(reader)).toEqual(['new0'])
  })

  test('at most pullThresholdForQueue messages wait', async () => {
    const { consumer, produce, cluster } = await start({ queues: 1 })
    await produce(50)
    const reader = await consumer({ pullThresholdForQueue: 10, pullBatchSize: 5 })
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(cluster.brokers[0]!.pulls).toHaveLength(2)
    expect(await takeAll(reader)).toHaveLength(50)
  })

  test('at most pullThresholdSizeForQueue bytes wait', async () => {
    const { consumer, produce, cluster } = await start({ queues: 1 })
    await produce(50)
    const reader = await consumer({ pullThresholdSizeForQueue: 1000, pullBatchSize: 5 })
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(cluster.brokers[0]!.pulls).toHaveLength(2)
    expect(await takeAll(reader)).toHaveLength(50)
  })

  test('several may take at once', async () => {
    const { consumer, produce } = await start({ queues: 1 })
    const reader = await consumer()
    const taken = Promise.all([1, 2, 3].map(() => reader.take({ timeoutMs: 5000 })))
    await produce(3)
    expect((await taken).map(message => message?.body.toString()).toSorted()).toEqual(['m0', 'm1', 'm2'])
  })

  test('seek goes back and forth', async () => {
    const { consumer, produce } = await start({ queues: 1 })
    await produce(5)
    const reader = await consumer()
    await reader.take()
    const queue = { topic: 'T', brokerName: 'broker-a', queueId: 0 }
    reader.seek(queue, 3)
    expect(await takeAll(reader)).toEqual(['m3', 'm4'])
    reader.seek(queue, 0)
    expect(await takeAll(reader)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4'])
    expect(() => reader.seek(queue, -1)).toThrow('field offset: -1 is not a queue offset')
  })

  test('a reset by the broker is obeyed', async () => {
    const { consumer, produce, cluster } = await start({ queues: 1 })
    await produce(5)
    const reader = await consumer()
    expect(await takeAll(reader)).toHaveLength(5)
    for (const { connection, groups } of cluster.brokers[0]!.clients.values())
      if (groups.includes('CG'))
        connection.notify(
          clientRequests.resetConsumerClientOffset,
          { topic: 'T', group: 'CG', timestamp: 0 },
          { body: { offsetTable: new Map([[{ topic: 'T', brokerName: 'broker-a', queueId: 0 }, 4]]) } },
        )
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(await takeAll(reader)).toEqual(['m4'])
  })

  test('it goes on after the broker was restarted', async () => {
    const { consumer, produce, cluster } = await start({ queues: 1 })
    await produce(1)
    const [broker] = cluster.brokers
    const reader = await consumer()
    expect(await takeAll(reader)).toEqual(['m0'])
    const { port } = broker!
    await broker!.stop()
    await broker!.start(port)
    await produce(1, 'later')
    expect((await reader.take({ timeoutMs: 5000 }))?.body.toString()).toBe('later0')
    await eventually(() => expect(broker!.clients.has(reader.client.clientId)).toBe(true))
  })
})

describe('a group', () => {
  test('shares the queues, and takes over from one that leaves', async () => {
    const { consumer, produce, cluster } = await start({ brokers: 2 })
    const one = await consumer()
    expect(one.assignment).toHaveLength(8)
    const two = await consumer()
    await eventually(() => expect([one.assignment.length, two.assignment.length]).toEqual([4, 4]))
    const three = await consumer()
    await eventually(() => {
      const shares = [one, two, three].map(({ assignment }) => assignment.length)
      expect(shares.toSorted()).toEqual([2, 3, 3])
    })
    await three.stop()
    await eventually(() => expect([one.assignment.length, two.assignment.length]).toEqual([4, 4]))
    await produce(80)
    const [a, b] = await Promise.all([takeAll(one), takeAll(two)])
    expect([a.length, b.length]).toEqual([40, 40])
    expect(cluster.brokers.map(({ clients }) => clients.size)).toEqual([3, 3])
  })

  test('broadcasting gives every queue to every member', async () => {
    const { consumer, produce } = await start()
    const readers = [await consumer({ messageModel: 'BROADCASTING' }), await consumer({ messageModel: 'BROADCASTING' })]
    await produce(8)
    for (const reader of readers) expect(await takeAll(reader)).toHaveLength(8)
  })

  test('a topic that comes later is found', async () => {
    const { consumer, producer } = await start({ topic: 'Other' })
    const reader = await consumer({ subscriptions: { Late: '*' }, rebalanceIntervalMs: 30 })
    expect(reader.assignment).toEqual([])
    await producer.send({ topic: 'Late', body: 'x' })
    expect((await reader.take({ timeoutMs: 5000 }))?.body.toString()).toBe('x')
  })

  test('queues can be assigned by hand', async () => {
    const { consumer, produce } = await start()
    const reader = await consumer({ subscriptions: {} })
    const queues = await reader.fetchQueues('T')
    await reader.assign(queues.slice(1, 2))
    await produce(8)
    expect(await takeAll(reader)).toHaveLength(2)
    expect(reader.assignment).toEqual(queues.slice(1, 2))
  })
})

test('pulling by hand, and all that can be asked of a queue', async () => {
  const { world, cluster, produce } = await start({ queues: 1 })
  await produce(3)
  const client = new ClientInstance(world, { nameServers: cluster.nameServers })
  later(() => client.close())
  const reader = new PullConsumer(world, { client, consumerGroup: 'CG' })
  const [queue] = await reader.fetchQueues('T')
  expect(await reader.pull(queue!, { offset: 1 })).toMatchObject({
    pullStatus: 'FOUND',
    nextBeginOffset: 3,
    minOffset: 0,
    maxOffset: 3,
    messages: [{ queueOffset: 1 }, { queueOffset: 2 }],
  })
  expect(await reader.pull(queue!, { offset: 3 })).toMatchObject({ pullStatus: 'NO_NEW_MSG', messages: [] })
  expect(await reader.pull(queue!, { offset: 0, expression: 'none' })).toMatchObject({
    pullStatus: 'NO_MATCHED_MSG',
    nextBeginOffset: 3,
  })
  expect(await reader.pull(queue!, { offset: 9 })).toMatchObject({ pullStatus: 'OFFSET_ILLEGAL', nextBeginOffset: 3 })
  expect([
    await reader.minOffset(queue!),
    await reader.maxOffset(queue!),
    await reader.searchOffset(queue!, 0),
  ]).toEqual([0, 3, 0])
  expect(await reader.committedOffset(queue!)).toBeUndefined()
  await reader.commitOffset(queue!, 2)
  expect(await reader.committedOffset(queue!)).toBe(2)
})

test('a wrong group or expression is refused at once', async () => {
  const { world } = await start()
  const options = { nameServers: '127.0.0.1:1' }
  expect(() => new PullConsumer(world, { ...options, consumerGroup: 'a b' })).toThrow(/consumerGroup/)
  expect(() => new PullConsumer(world, { ...options, consumerGroup: 'G', subscriptions: { T: ' || ' } })).toThrow(
    /names no tag/,
  )
  expect(() => new PullConsumer(world, { nameServers: '', consumerGroup: 'G' })).toThrow(/at least one host:port/)
})
