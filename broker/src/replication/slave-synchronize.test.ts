import { expect, test } from '@jest/globals'
import { brokerRequests, delayOffset } from '@rocketcluster/protocol'
import { RemotingClient } from '@rocketcluster/remoting'
import { type SimHost, Simulation } from '@rocketcluster/world/sim'
import { Broker } from '../broker.ts'
import { type Fixture, PORT, propertiesOf, refusal, settings, startBroker } from '../testing/broker-fixture.ts'
import { SlaveSynchronize } from './slave-synchronize.ts'

const MIB = 1024 ** 2

interface Pair {
  readonly sim: Simulation
  readonly master: Fixture
  readonly slaveHost: SimHost
  readonly slave: Broker
  readonly synchronize: SlaveSynchronize
  /** Where the slave's log is said to end. */
  end: number
  readonly forgotten: string[]
}

/** A master, and a slave that is told what the master knows; its log is only said to be there. */
function withPair(run: (pair: Pair) => Promise<void>): Promise<void> {
  const sim = new Simulation(7)
  return sim.run(async () => {
    const master = await startBroker(sim)
    const slaveHost = sim.host('slave')
    const config = { ...settings(slaveHost), brokerRole: 'SLAVE' as const, brokerId: 1 }
    const slave = await Broker.start(slaveHost.world, { config, physicalMemoryBytes: 256 * MIB })
    const { topics, groups, offsets, requestModes } = slave.services
    const pair = { sim, master, slaveHost, slave, end: 0, forgotten: [] as string[] } as Pair & {
      synchronize: SlaveSynchronize
    }
    pair.synchronize = new SlaveSynchronize({
      world: slaveHost.world,
      client: new RemotingClient(slaveHost.world, {}),
      masterAddress: () => `${master.host.address}:${PORT}`,
      log: {
        get readableOffset() {
          return pair.end
        },
      } as never,
      topics,
      groups,
      offsets,
      requestModes,
      forgetTopic: async topic => void pair.forgotten.push(topic),
      directory: '/store/config',
      config,
    })
    pair.synchronize.start()
    try {
      await run(pair)
    } finally {
      await pair.synchronize.stop()
      await slave.stop()
      await master.broker.stop()
    }
  })
}

const seconds = ({ sim }: Pair, count: number) => sim.host('clock').world.clock.sleep(count * 1000)

test('topics, groups, offsets and request modes follow within two seconds, versions included', () =>
  withPair(async pair => {
    const { master, slave } = pair
    await master.ask(brokerRequests.updateAndCreateTopic, {
      topic: 'Orders',
      defaultTopic: 'TBW102',
      readQueueNums: 3,
      writeQueueNums: 3,
      perm: 6,
      topicFilterType: 'SINGLE_TAG',
    })
    await master.ask(
      brokerRequests.updateAndCreateSubscriptiongroup,
      {},
      { body: { groupName: 'billing', retryMaxTimes: 5 } as never },
    )
    await master.send('Orders')
    await master.ask(brokerRequests.updateConsumerOffset, {
      consumerGroup: 'billing',
      topic: 'Orders',
      queueId: 0,
      commitOffset: 1,
    })
    await master.ask(
      brokerRequests.setMessageRequestMode,
      {},
      { body: { topic: 'Orders', consumerGroup: 'billing', mode: 'POP', popShareQueueNum: 2 } as never },
    )
    await seconds(pair, 3)
    expect(slave.services.topics.get('Orders')).toMatchObject({ readQueueNums: 3 })
    expect(slave.services.topics.dataVersion).toEqual(master.broker.services.topics.dataVersion)
    expect(slave.services.groups.get('billing')).toMatchObject({ retryMaxTimes: 5 })
    expect(slave.services.offsets.query('billing', 'Orders', 0)).toBe(1)
    expect(slave.services.requestModes.get('Orders', 'billing')).toMatchObject({ mode: 'POP' })
    await master.ask(brokerRequests.deleteTopicInBroker, { topic: 'Orders' })
    await seconds(pair, 3)
    expect(slave.services.topics.get('Orders')).toBeUndefined()
    expect(slave.services.offsets.query('billing', 'Orders', 0)).toBeUndefined()
    expect(pair.forgotten).toEqual(['Orders'])
  }))

test('progress of delays is put down only when the log has come as far as the master’s was', () =>
  withPair(async pair => {
    const { master, slaveHost } = pair
    await master.send('Later', { properties: propertiesOf({ DELAY: '1' }) })
    await seconds(pair, 5)
    expect(master.broker.services.schedule.snapshot().offsetTable.get(1)).toBe(1)
    const stored = () => slaveHost.world.disk.stat('/store/config/delayOffset.json')
    expect(await stored()).toBeUndefined()
    pair.end = master.broker.services.store.maxPhysicalOffset
    await seconds(pair, 4)
    const file = await slaveHost.world.disk.readFile('/store/config/delayOffset.json')
    expect(delayOffset.decode(Buffer.from(file)).offsetTable.get(1)).toBe(1)
  }))

test('a slave takes no messages and no changes, makes no topics, and says so', () =>
  withPair(async pair => {
    const { master, slaveHost, slave } = pair
    const ask: Fixture['ask'] = (request, header, options) =>
      master.client.invoke(`${slaveHost.address}:${PORT}`, request, header, { timeoutMs: 5000, ...options } as never)
    const send = ask(
      brokerRequests.sendMessageV2,
      {
        producerGroup: 'p',
        topic: 'Fresh',
        defaultTopic: 'TBW102',
        defaultTopicQueueNums: 4,
        queueId: 0,
        sysFlag: 0,
        bornTimestamp: 1,
        flag: 0,
        properties: '',
        reconsumeTimes: 0,
        unitMode: false,
        batch: false,
      },
      { body: Buffer.from('x') as never },
    )
    expect(await refusal(send)).toEqual({
      status: 'SERVICE_NOT_AVAILABLE',
      remark: expect.stringContaining('this broker is a slave'),
    })
    expect(slave.services.topics.get('Fresh')).toBeUndefined()
    const create = ask(brokerRequests.updateAndCreateTopic, {
      topic: 'Fresh',
      defaultTopic: 'TBW102',
      readQueueNums: 1,
      writeQueueNums: 1,
      perm: 6,
      topicFilterType: 'SINGLE_TAG',
    })
    expect(await refusal(create)).toMatchObject({ status: 'NO_PERMISSION' })
    const reset = ask(brokerRequests.invokeBrokerToResetOffset, {
      topic: 'T',
      group: 'g',
      timestamp: -1,
      isForce: true,
    })
    expect(await refusal(reset)).toMatchObject({ status: 'SYSTEM_ERROR' })
  }))

test('a master that is away is said once, and what was learnt stays', () =>
  withPair(async pair => {
    const { master, slave } = pair
    await master.send('Orders')
    await seconds(pair, 2)
    await master.broker.stop()
    await seconds(pair, 20)
    expect(slave.services.topics.get('Orders')).toBeDefined()
  }))

test('offsets beyond the end of their queues go back to it', () =>
  withPair(async ({ slave }) => {
    const { offsets, store } = slave.services
    offsets.commit('g', 'Lost', 2, 17)
    expect(offsets.clamp((topic, queueId) => store.maxOffset(topic, queueId))).toBe(1)
    expect(offsets.query('g', 'Lost', 2)).toBe(0)
  }))
