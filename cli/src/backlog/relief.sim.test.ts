import { expect, jest, test } from '@jest/globals'
import { Broker } from '@rocketcluster/broker'
import { Admin, ClientInstance, compareQueues, type MessageQueue, Producer, PullConsumer } from '@rocketcluster/client'
import { brokerConfig, namesrvConfig } from '@rocketcluster/config'
import { Nameserver } from '@rocketcluster/nameserver'
import { property } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import { everySeed, type SimHost, type Simulation } from '@rocketcluster/world/sim'
import { RELIEF_OFFSET, RELIEF_QUEUE } from './moving.ts'
import { Relief } from './relief.ts'

/** SEEDS=1000 for a long night. */
const SEEDS = Number(process.env.SEEDS ?? 4)
jest.setTimeout(60_000 + SEEDS * 20_000)

const MIB = 1024 ** 2
const NAME_SERVER = 'ns:9876'
const TOPIC = 'T'
const GROUP = 'G'
const KEYS = 7

/** A broker that is started again whenever its machine has died. */
class Machine {
  readonly name: string
  readonly host: SimHost
  broker: Broker | undefined

  constructor(sim: Simulation, name: string) {
    this.name = name
    this.host = sim.host(name)
  }

  async start(world: World): Promise<void> {
    const { config } = brokerConfig.parse('', {
      brokerName: this.name,
      brokerIP1: this.host.address,
      brokerIP2: this.host.address,
      listenPort: 10_911,
      namesrvAddr: NAME_SERVER,
      storePathRootDir: '/store',
      brokerConfigPath: '/broker.conf',
      flushDiskType: 'SYNC_FLUSH',
      mappedFileSizeCommitLog: 256 * 1024,
      maxMessageSize: 64 * 1024,
      mappedFileSizeConsumeQueue: 20 * 100,
      maxHashSlotNum: 100,
      maxIndexNum: 1000,
      storeHotTailBytes: 8 * MIB,
      flushConsumerOffsetInterval: 500,
    })
    this.broker = await Broker.start(world, { config, physicalMemoryBytes: 256 * MIB })
  }

  async die(sim: Simulation): Promise<void> {
    if (sim.random.next() < 0.5) this.host.powerCut()
    else this.host.crash()
    await sim.sleep(sim.random.int(800))
    await this.start(this.host.restart())
  }
}

interface Sent {
  readonly key: number
  readonly n: number
  readonly queue: MessageQueue
  readonly queueOffset: number
}

const place = (queue: MessageQueue, offset: number) => `${queue.brokerName}:${queue.queueId} ${offset}`

/** Runs `work` on a machine that may die in the middle of it; undefined when it did, or when the cluster was in its way. */
async function onMortalMachine<T>(
  sim: Simulation,
  name: string,
  lifeMs: number | undefined,
  work: (world: World) => Promise<T>,
): Promise<T | undefined> {
  const host = sim.host(name)
  const death =
    lifeMs === undefined
      ? new Promise<undefined>(() => {})
      : sim.sleep(lifeMs).then(() => {
          host.crash()
          return undefined
        })
  return Promise.race([work(host.world), death])
}

async function withClient<T>(
  world: World,
  work: (parts: { world: World; client: ClientInstance; admin: Admin }) => Promise<T>,
): Promise<T> {
  const client = new ClientInstance(world, { nameServers: NAME_SERVER })
  try {
    return await work({ world, client, admin: new Admin(world, { client }) })
  } finally {
    await client.close()
  }
}

async function story(sim: Simulation, keyProperty: string | undefined): Promise<void> {
  const { random } = sim
  const names = await Nameserver.start(sim.host('ns').world, {
    config: namesrvConfig.parse('', { kvConfigPath: '/kv.json', configStorePath: '/ns.properties' }).config,
  })
  const machines = ['broker-a', 'broker-b'].map(name => new Machine(sim, name))
  for (const machine of machines) await machine.start(machine.host.world)

  // A backlog: each key in one queue, its numbers in order; the group has consumed some of it.
  const sent: Sent[] = []
  const consumedTo = new Map<string, number>()
  const numbers = new Map<number, number>()
  const app = sim.host('app').world
  const produce = async (count: number) =>
    withClient(app, async ({ world, client }) => {
      const producer = new Producer(world, { client })
      await producer.start()
      for (let i = 0; i < count; i++) {
        const key = random.int(KEYS)
        const n = numbers.get(key) ?? 0
        numbers.set(key, n + 1)
        const message = { topic: TOPIC, body: `${key} ${n}`, properties: { [property.SHARDING_KEY]: `key-${key}` } }
        for (;;)
          try {
            const { messageQueue, queueOffset } = await producer.sendOrdered(
              message,
              queues => queues.toSorted(compareQueues)[key % queues.length]!,
            )
            sent.push({ key, n, queue: messageQueue, queueOffset })
            break
          } catch {
            await world.clock.sleep(200)
          }
      }
      await producer.stop()
    })
  await withClient(app, async ({ admin }) => {
    await admin.createTopic(TOPIC, { readQueueNums: 2, writeQueueNums: 2 })
    await admin.createSubscriptionGroup({ groupName: GROUP })
    await admin.awaitTopic(TOPIC)
  })
  await produce(60 + random.int(200))
  await withClient(app, async ({ world, client }) => {
    const group = new PullConsumer(world, { client, consumerGroup: GROUP })
    for (const queue of await group.fetchQueues(TOPIC)) {
      // A queue that the group has never touched is consumed from its first message.
      const offset = random.int(4) === 0 ? 0 : random.int(10)
      const to = Math.min(offset, await group.maxOffset(queue))
      consumedTo.set(place(queue, -1), to)
      if (to > 0) await group.commitOffset(queue, to)
    }
  })
  const backlog = sent.filter(({ queue, queueOffset }) => queueOffset >= consumedTo.get(place(queue, -1))!)

  // Movers and brokers die while the backlog moves and more arrives.
  const until = 3 + random.int(6)
  let life = 0
  const later = produce(random.int(40))
  const trouble = (async () => {
    for (let i = 0; i < 3; i++) {
      await sim.sleep(300 + random.int(4000))
      await machines[random.int(2)]!.die(sim)
    }
  })()
  const onward = async (work: (relief: Relief, world: World) => Promise<boolean>) => {
    for (let attempt = 0; ; attempt++) {
      const lifeMs = life < until ? 20 + random.int(1500) : undefined
      const done = await onMortalMachine(sim, `mover-${++life}`, lifeMs, world =>
        withClient(world, async parts => {
          try {
            return await work(new Relief(world, parts, TOPIC, GROUP), world)
          } catch (error) {
            // Brokers are away for a while: whoever is on call tries again.
            if (attempt > 200) throw error
            await world.clock.sleep(500)
            return false
          }
        }),
      )
      if (done) return
    }
  }
  await onward(async relief => {
    const plan = await relief.begin({ queues: 10, keyProperty, pause: false })
    const moveOptions = {
      rate: random.int(3) === 0 ? 50 : undefined,
      // The connections of a machine that died are closed with it here; its broker may not have heard of it yet.
      takeOver: true,
      stop: new AbortController().signal,
      onProgress() {},
    }
    if (!(await relief.move(plan, moveOptions))) return false
    if (keyProperty === undefined) await relief.release()
    return true
  })
  await Promise.all([later, trouble])

  // Everything of the backlog is in the temporary topic, or still in front of the group.
  const { names: made } = await withClient(app, async parts => new Relief(app, parts, TOPIC, GROUP))
  await onward(async (relief, world) => {
    const { phase } = await relief.status()
    if (phase === 'moving') throw new Error('what was moved is to be moved again')
    await world.clock.sleep(100)
    return phase === 'draining'
  })
  await withClient(app, async ({ world, client, admin }) => {
    const reader = new PullConsumer(world, { client, consumerGroup: made.temporaryTopic })
    const moved = new Set<string>()
    const seen = new Map<number, number>()
    for (const queue of await reader.fetchQueues(made.temporaryTopic)) {
      const end = await reader.maxOffset(queue)
      for (let offset = await reader.minOffset(queue); offset < end; ) {
        const pulled = await reader.pull(queue, { offset })
        offset = pulled.nextBeginOffset
        for (const { properties, body } of pulled.messages) {
          moved.add(`${properties.get(RELIEF_QUEUE)} ${properties.get(RELIEF_OFFSET)}`)
          const [key, n] = body.toString().split(' ').map(Number) as [number, number]
          // A message may come again; none comes before the one in front of it.
          const next = seen.get(key)
          if (keyProperty !== undefined && next !== undefined) expect(n).toBeLessThanOrEqual(next)
          seen.set(key, Math.max(next ?? 0, n + 1))
        }
      }
      await reader.commitOffset(queue, end)
    }
    const group = new PullConsumer(world, { client, consumerGroup: GROUP })
    const offsets = new Map<string, number>()
    await onward(async relief => {
      // The one before may have died with its last answer on the way.
      if ((await relief.status()).phase !== 'none') await relief.finish()
      return true
    })
    for (const queue of await group.fetchQueues(TOPIC))
      offsets.set(place(queue, -1), (await group.committedOffset(queue)) ?? 0)
    const lost = backlog.filter(
      ({ queue, queueOffset }) => !moved.has(place(queue, queueOffset)) && queueOffset < offsets.get(place(queue, -1))!,
    )
    expect(lost).toEqual([])
    expect(moved.size).toBeGreaterThanOrEqual(backlog.length)
    // What arrived meanwhile is neither moved without need nor passed over.
    for (const { queue, queueOffset } of sent)
      expect(
        moved.has(place(queue, queueOffset)) ||
          queueOffset >= offsets.get(place(queue, -1))! ||
          queueOffset < consumedTo.get(place(queue, -1))!,
      ).toBe(true)
    expect(await admin.topicList()).not.toContain(made.temporaryTopic)
    for (const { brokerAddrs } of (await admin.topicRoute(TOPIC)).brokerDatas) {
      const groups = await admin.subscriptionGroups(brokerAddrs.get(0)!)
      expect(groups.get(GROUP)?.consumeEnable).toBe(true)
      expect([...groups.keys()].filter(name => name.includes('-relief-'))).toEqual([])
    }
  })
  for (const { broker } of machines) await broker!.stop()
  await names.stop()
}

for (const [what, keyProperty] of [
  ['in any order', undefined],
  ['in the order of their keys', property.SHARDING_KEY],
] as const)
  test(`a backlog moves whole, ${what}, although movers and brokers die`, () =>
    everySeed(SEEDS, (_, sim) => story(sim, keyProperty), { file: import.meta.filename }))

// The mover died when one broker had been told that all is moved, and the other had not.
test('seed 342: what one broker knows of the plan, all do', () =>
  everySeed(1, (_, sim) => story(sim, property.SHARDING_KEY), { firstSeed: 342, file: import.meta.filename }))
