import { describe, expect, test } from '@jest/globals'
import { ResponseError } from '@rocketcluster/protocol'
import { silentLog } from '@rocketcluster/world'
import { Simulation } from '@rocketcluster/world/sim'
import { settings } from '../testing/broker-fixture.ts'
import { ConsumerOffsets } from './consumer-offsets.ts'
import { SubscriptionGroups, subscriptionGroup } from './subscription-groups.ts'
import { topicConfig } from './system-topics.ts'
import { Topics } from './topics.ts'

const DIRECTORY = '/store/config'

function inSimulation(run: (sim: Simulation) => Promise<void>, seed = 1) {
  return () => {
    const sim = new Simulation(seed)
    return sim.run(() => run(sim))
  }
}

const load = {
  topics: (sim: Simulation, world = sim.host('host').world) =>
    Topics.load(world, settings(sim.host('host')), DIRECTORY, silentLog),
  groups: (sim: Simulation, world = sim.host('host').world) =>
    SubscriptionGroups.load(world, settings(sim.host('host')), DIRECTORY, silentLog),
  offsets: (sim: Simulation, world = sim.host('host').world) => ConsumerOffsets.load(world, DIRECTORY, silentLog),
}

const full = (sim: Simulation) => sim.host('host').disk.fail({ on: ['write', 'open'], path: DIRECTORY, code: 'ENOSPC' })

describe('topics', () => {
  test(
    'a first start has the built-in topics, with the queues and permissions of RocketMQ',
    inSimulation(async sim => {
      const topics = await load.topics(sim)
      const shown = Object.fromEntries(
        [...topics.all()].map(({ topicName, writeQueueNums, perm }) => [topicName, [writeQueueNums, perm]]),
      )
      expect(shown).toMatchObject({
        SELF_TEST_TOPIC: [1, 6],
        TBW102: [8, 7],
        BenchmarkTest: [1024, 6],
        DefaultCluster: [16, 7],
        'broker-a': [1, 7],
        OFFSET_MOVED_EVENT: [1, 6],
        SCHEDULE_TOPIC_XXXX: [18, 6],
        DefaultCluster_REPLY_TOPIC: [1, 6],
        rmq_sys_REVIVE_LOG_DefaultCluster: [8, 6],
        RMQ_SYS_TRANS_HALF_TOPIC: [1, 6],
        RMQ_SYS_TRANS_OP_HALF_TOPIC: [1, 6],
      })
      expect(topics.dataVersion.counter).toBe(0)
    }),
  )

  test(
    'a change that the disk refuses was never there: settings, version, name servers',
    inSimulation(async sim => {
      const topics = await load.topics(sim)
      const told: string[][] = []
      topics.onChange = async names => void told.push([...names])
      await topics.put(topicConfig('T', 4))
      const version = topics.dataVersion
      const end = full(sim)
      await expect(topics.put(topicConfig('T', 8))).rejects.toMatchObject({ status: 'SYSTEM_ERROR' })
      await expect(topics.put(topicConfig('U', 8))).rejects.toThrow(/topic U cannot be stored/)
      await expect(topics.delete('T')).rejects.toBeInstanceOf(ResponseError)
      await expect(topics.createInternal('%RETRY%G', 1)).rejects.toBeInstanceOf(ResponseError)
      await expect(topics.markOrdered(['T'])).rejects.toBeInstanceOf(ResponseError)
      expect(topics.get('T')).toMatchObject({ writeQueueNums: 4, order: false })
      expect(topics.get('U')).toBeUndefined()
      expect(topics.get('%RETRY%G')).toBeUndefined()
      expect(topics.dataVersion).toEqual(version)
      expect(told).toEqual([['T']])
      end()
      await topics.put(topicConfig('U', 8))
      const again = await load.topics(sim, sim.host('host').restart())
      expect(again.get('T')).toMatchObject({ writeQueueNums: 4 })
      expect(again.get('U')).toMatchObject({ writeQueueNums: 8 })
    }),
  )

  test(
    'nobody sees a topic before it is on disk',
    inSimulation(async sim => {
      const topics = await load.topics(sim)
      const put = topics.put(topicConfig('T', 4))
      expect(topics.get('T')).toBeUndefined()
      expect(topics.snapshot().topicConfigTable.has('T')).toBe(false)
      await put
      expect(topics.snapshot(['T']).topicConfigTable.get('T')).toMatchObject({ writeQueueNums: 4 })
    }),
  )

  test(
    'changes of one topic that overlap: the last one stands',
    inSimulation(async sim => {
      const topics = await load.topics(sim)
      await Promise.all([4, 5, 6].map(queues => topics.put(topicConfig('T', queues))))
      expect(topics.get('T')!.writeQueueNums).toBe(6)
      const created = topics.createInternal('V', 2)
      await Promise.all([created, topics.createInternal('V', 3), topics.put(topicConfig('V', 9))])
      expect(topics.get('V')!.writeQueueNums).toBe(9)
      const again = await load.topics(sim, sim.host('host').restart())
      expect(again.get('T')!.writeQueueNums).toBe(6)
      expect(again.get('V')!.writeQueueNums).toBe(9)
      expect(again.dataVersion).toEqual(topics.dataVersion)
    }),
  )

  test(
    'ordered topics of a name server are marked, others and unknown ones stay, and it is written once',
    inSimulation(async sim => {
      const topics = await load.topics(sim)
      await topics.put(topicConfig('A', 4))
      await topics.put({ ...topicConfig('B', 4), order: true })
      const { counter } = topics.dataVersion
      await topics.markOrdered(['A', 'B', 'Unknown'])
      expect([topics.get('A')!.order, topics.get('B')!.order, topics.get('Unknown')]).toEqual([true, true, undefined])
      expect(topics.dataVersion.counter).toBe(counter + 1)
      await topics.markOrdered(['A'])
      expect(topics.dataVersion.counter).toBe(counter + 1)
    }),
  )

  test(
    'a broken file is replaced by its .bak, and with both broken the broker does not start',
    inSimulation(async sim => {
      const topics = await load.topics(sim)
      await topics.put(topicConfig('A', 4))
      await topics.put(topicConfig('B', 4))
      const { disk } = sim.host('host').world
      const spoil = async (name: string) => {
        const file = await disk.open(`${DIRECTORY}/${name}`, 'readWrite')
        await file.write([Buffer.from('nonsense')], 0)
        await file.close()
      }
      await spoil('topics.json')
      const older = await load.topics(sim)
      expect([older.get('A') !== undefined, older.get('B') !== undefined]).toEqual([true, false])
      await spoil('topics.json.bak')
      await expect(load.topics(sim)).rejects.toThrow(/topics\.json and its \.bak are unreadable/)
    }),
  )
})

describe('subscription groups', () => {
  test(
    'one is made on first use, once, with a name that groups may have, and is found again',
    inSimulation(async sim => {
      const groups = await load.groups(sim)
      const { counter } = groups.dataVersion
      const [one, two] = await Promise.all([groups.find('G'), groups.find('G')])
      expect(one).toBe(two)
      expect(groups.dataVersion.counter).toBe(counter + 1)
      expect(groups.find('G')).toBe(one)
      expect(groups.find('no group!')).toBeUndefined()
      expect(groups.find('x'.repeat(300))).toBeUndefined()
      const again = await load.groups(sim, sim.host('host').restart())
      expect(again.get('G')).toMatchObject({ retryQueueNums: 1, retryMaxTimes: 16, consumeEnable: true })
    }),
  )

  test(
    'a full disk: consumers are served, administrators get an error',
    inSimulation(async sim => {
      const groups = await load.groups(sim)
      await groups.put(subscriptionGroup('Known'))
      const end = full(sim)
      expect(await groups.find('G')).toMatchObject({ groupName: 'G', consumeEnable: true })
      expect(groups.get('G')).toBeUndefined()
      await expect(groups.put({ ...subscriptionGroup('Known'), consumeEnable: false })).rejects.toMatchObject({
        status: 'SYSTEM_ERROR',
      })
      await expect(groups.delete('Known')).rejects.toBeInstanceOf(ResponseError)
      expect(groups.get('Known')).toMatchObject({ consumeEnable: true })
      end()
      await groups.find('G')
      expect(groups.get('G')).toBeDefined()
      expect(await groups.delete('G')).toBe(true)
      expect(await groups.delete('G')).toBe(false)
    }),
  )
})

describe('consumer offsets', () => {
  test(
    'are kept by group, topic and queue, and written when they changed',
    inSimulation(async sim => {
      const offsets = await load.offsets(sim)
      offsets.commit('G', 'T', 0, 7)
      offsets.commit('G', 'T', 1, 8)
      offsets.commit('H', 'T', 0, 9)
      offsets.commit('G', 'T', 0, 5)
      await offsets.flush()
      const { counter } = offsets.dataVersion
      await offsets.flush()
      expect(offsets.dataVersion.counter).toBe(counter)
      const again = await load.offsets(sim, sim.host('host').restart())
      expect([0, 1, 2].map(queueId => again.query('G', 'T', queueId))).toEqual([5, 8, undefined])
      expect(again.topicsOf('G')).toEqual(['T'])
      expect(again.groupsOf('T').sort()).toEqual(['G', 'H'])
      again.clone('G', 'New', 'T')
      again.deleteGroup('G')
      expect([again.query('New', 'T', 1), again.query('G', 'T', 1)]).toEqual([8, undefined])
      again.deleteTopic('T')
      expect([...again.entries()]).toEqual([])
    }),
  )

  test(
    'flush answers for what is on its way too',
    inSimulation(async sim => {
      const offsets = await load.offsets(sim)
      offsets.commit('G', 'T', 0, 1)
      let saved = false
      void offsets.flush().then(() => (saved = true))
      // Prints, and then waits for the disk: nothing is dirty any more, and nothing is safe yet.
      await sim.sleep(0.3)
      await offsets.flush()
      expect(saved).toBe(true)
    }),
  )

  test(
    'a reset wins until it is picked up; one that cannot be stored did not happen',
    inSimulation(async sim => {
      const offsets = await load.offsets(sim)
      offsets.commit('G', 'T', 0, 9)
      await offsets.reset('G', 'T', new Map([[0, 3]]))
      expect(offsets.commit('G', 'T', 0, 10)).toBe(false)
      expect(offsets.query('G', 'T', 0)).toBe(3)
      expect(offsets.takeReset('G', 'T', 0)).toBe(3)
      expect(offsets.takeReset('G', 'T', 0)).toBeUndefined()
      expect(offsets.commit('G', 'T', 0, 10)).toBe(true)
      const end = full(sim)
      await expect(
        offsets.reset(
          'G',
          'T',
          new Map([
            [0, 1],
            [5, 1],
          ]),
        ),
      ).rejects.toThrow('ENOSPC')
      expect([offsets.query('G', 'T', 0), offsets.query('G', 'T', 5)]).toEqual([10, undefined])
      expect(offsets.takeReset('G', 'T', 0)).toBeUndefined()
      end()
      await offsets.flush()
      const again = await load.offsets(sim, sim.host('host').restart())
      expect(again.query('G', 'T', 0)).toBe(10)
    }),
  )
})

test(
  'a clone counts what a reset says that nobody has picked up, and wins over one of its target',
  inSimulation(async sim => {
    const offsets = await load.offsets(sim)
    offsets.commit('From', 'T', 0, 10)
    await offsets.reset('From', 'T', new Map([[0, 4]]))
    offsets.commit('To', 'T', 0, 1)
    await offsets.reset('To', 'T', new Map([[0, 2]]))
    offsets.clone('From', 'To', 'T')
    expect(offsets.query('To', 'T', 0)).toBe(4)
    expect(offsets.takeReset('To', 'T', 0)).toBeUndefined()
    expect(offsets.commit('To', 'T', 0, 5)).toBe(true)
    expect(offsets.query('From', 'T', 0)).toBe(4)
  }),
)
