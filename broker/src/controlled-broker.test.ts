import { describe, expect, test } from '@jest/globals'
import type { BrokerOverrides } from '@rocketcluster/config'
import { brokerRequests, nameserverRequests } from '@rocketcluster/protocol'
import type { RemotingClient } from '@rocketcluster/remoting'
import { Simulation } from '@rocketcluster/world/sim'
import { GROUP, Group } from './testing/controlled-group.ts'

function withGroup(members: number, run: (group: Group) => Promise<void>, overrides: BrokerOverrides = {}, seed = 5) {
  return async () => {
    const sim = new Simulation(seed, { maxVirtualMs: 600_000 })
    await sim.run(async () => {
      const group = new Group(sim, members, overrides)
      await group.start()
      await run(group)
    })
  }
}

describe('a group of three under two controllers', () => {
  test(
    'the first master is elected when all are there; what is acknowledged is with all of them',
    withGroup(3, async group => {
      const master = await group.masterIs()
      expect(await group.record()).toMatchObject({ masterBrokerId: master.id, masterEpoch: 1, syncStateSet: [1, 2, 3] })
      expect(await group.sendMany(master, 20)).toBe(20)
      for (const { store } of group.members) expect(store.durableOffset).toBe(master.store.durableOffset)
      const { body } = await group.client.invoke(
        'ns:9876',
        nameserverRequests.getBrokerClusterInfo,
        {},
        { timeoutMs: 3000 },
      )
      const addresses = body!.brokerAddrTable.get(GROUP)!.brokerAddrs
      expect(addresses.get(0)).toBe(master.address)
      expect([...addresses.keys()].sort()).toEqual([0, 1, 2, 3].filter(id => id !== master.id))
      await group.sim.sleep(2000)
      for (const member of group.members) expect(await member.bodies()).toEqual(group.acknowledged)
    }),
  )

  test(
    'a master that is killed is replaced; nothing acknowledged is lost, and it comes back as a slave',
    withGroup(3, async group => {
      const first = await group.masterIs()
      await group.sendMany(first, 20)
      first.kill()
      const killedMs = group.sim.nowMs
      const second = await group.masterIs(({ id }) => id !== first.id)
      expect(group.sim.nowMs - killedMs).toBeLessThan(5000)
      await group.until('a send', () => group.send(second))
      expect(await group.record()).toMatchObject({ masterEpoch: 2 })
      await group.sendMany(second, 20)
      await first.restart()
      await group.until('the set', async () => (await group.record())!.syncStateSet.length === 3)
      expect(first.broker!.role.kind).toBe('slave')
      await group.sendMany(second, 5)
      await group.sim.sleep(2000)
      for (const member of group.members)
        expect((await member.bodies()).filter(body => group.acknowledged.includes(body))).toEqual(group.acknowledged)
      expect(await first.bodies()).toEqual(await second.bodies())
    }),
  )

  test(
    'a topic, a group and a reset that were acknowledged are there when the master is dead a moment later',
    withGroup(3, async group => {
      const first = await group.masterIs()
      await group.send(first)
      const ask: RemotingClient['invoke'] = (...args) => group.client.invoke(...args)
      await ask(
        first.address,
        brokerRequests.updateAndCreateTopic,
        {
          topic: 'Orders',
          defaultTopic: 'TBW102',
          readQueueNums: 3,
          writeQueueNums: 3,
          perm: 6,
          topicFilterType: 'SINGLE_TAG',
        },
        { timeoutMs: 5000 },
      )
      await ask(
        first.address,
        brokerRequests.updateAndCreateSubscriptiongroup,
        {},
        {
          body: { ...first.broker!.current.services.groups.get('TOOLS_CONSUMER')!, groupName: 'CG', retryMaxTimes: 7 },
          timeoutMs: 5000,
        },
      )
      await first.broker!.current.services.offsets.reset('CG', 'T', new Map([[0, 1]]))
      first.kill()
      const second = await group.masterIs(({ id }) => id !== first.id)
      const { topics, groups, offsets } = second.broker!.current.services
      expect(topics.get('Orders')).toMatchObject({ readQueueNums: 3 })
      expect(topics.get('T')).toBeDefined()
      expect(groups.get('CG')).toMatchObject({ retryMaxTimes: 7 })
      expect(offsets.query('CG', 'T', 0)).toBe(1)
    }),
  )

  test(
    'a change that a replica in sync does not take is refused with its name, until that has left the set',
    withGroup(3, async group => {
      const master = await group.masterIs()
      const other = group.members.find(one => one !== master)!
      group.sim.network.partition(`b${master.id}`, `b${other.id}`, { oneWay: true })
      const began = group.sim.nowMs
      await group.client.invoke(
        master.address,
        brokerRequests.updateAndCreateTopic,
        {
          topic: 'Orders',
          defaultTopic: 'TBW102',
          readQueueNums: 3,
          writeQueueNums: 3,
          perm: 6,
          topicFilterType: 'SINGLE_TAG',
        },
        { timeoutMs: 10_000 },
      )
      expect(group.sim.nowMs - began).toBeGreaterThan(1000)
      expect((await group.record())!.syncStateSet).not.toContain(other.id)
    }),
  )
})
