import { describe, expect, test } from '@jest/globals'
import { brokerRequests, type DecodedMessage, property } from '@rocketcluster/protocol'
import { type SimHost, Simulation } from '@rocketcluster/world/sim'
import { type Fixture, propertiesOf, startBroker, withBroker } from '../../testing/broker-fixture.ts'
import { readQueue } from '../read-queue.ts'
import { decodeRecallHandle, encodeRecallHandle } from './recall-handle.ts'

const TOPIC = 'T'
let ids = 0

/** Sends a message that names its own time. */
const timed = (fixture: Fixture, body: string, properties: Record<string, string>, topic = TOPIC) =>
  fixture.send(topic, {
    body,
    properties: propertiesOf({ [property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX]: `ID${ids++}`, ...properties }),
  })

const after = (fixture: Fixture, body: string, delayMs: number, topic = TOPIC) =>
  timed(fixture, body, { TIMER_DELIVER_MS: String(fixture.broker.services.world.clock.now() + delayMs) }, topic)

/** What lies in queue 0 of the topic now. */
async function delivered({ broker }: Fixture, topic = TOPIC): Promise<DecodedMessage[]> {
  const { store } = broker.services
  const max = store.maxOffset(topic, 0)
  const found: DecodedMessage[] = []
  for (let at = 0; at < max; ) {
    const read = await readQueue(store, topic, 0, at, 32)
    found.push(...read.messages)
    at = read.nextOffset
  }
  return found
}

const bodies = async (fixture: Fixture, topic = TOPIC) =>
  (await delivered(fixture, topic)).map(({ storedBody }) => storedBody.toString())

describe('timer messages', () => {
  test(
    'each of the three properties delays; the first of them counts',
    withBroker(async fixture => {
      const { clock } = fixture.broker.services.world
      const start = clock.now()
      await timed(fixture, 'sec', { TIMER_DELAY_SEC: '2', TIMER_DELIVER_MS: '1' })
      await timed(fixture, 'ms', { TIMER_DELAY_MS: '3500' })
      await timed(fixture, 'at', { TIMER_DELIVER_MS: String(start + 6000) })
      expect(await bodies(fixture)).toEqual([])
      await clock.sleep(12_000)
      const messages = await delivered(fixture)
      expect(messages.map(({ storedBody }) => storedBody.toString())).toEqual(['sec', 'ms', 'at'])
      for (const [i, delayMs] of [2000, 3500, 6000].entries()) {
        const late = messages[i]!.storeTimestamp - start - delayMs
        expect(late).toBeGreaterThanOrEqual(0)
        expect(late).toBeLessThan(1300)
        expect(messages[i]!.properties.has('REAL_TOPIC')).toBe(false)
        expect(messages[i]!.properties.get('TIMER_DEQUEUE_MS')).toBeDefined()
      }
    }),
  )

  test(
    'a time in the past is delivered at once, whole and without a detour',
    withBroker(async fixture => {
      const reply = await timed(fixture, 'past', { TIMER_DELIVER_MS: '1000' })
      expect(await bodies(fixture)).toEqual(['past'])
      expect(reply.recallHandle).toBeUndefined()
    }),
  )

  test(
    'what cannot be a time is refused with a sentence that names it',
    withBroker(
      async fixture => {
        const refused = (properties: Record<string, string>) => expect(timed(fixture, 'x', properties)).rejects
        await refused({ TIMER_DELAY_SEC: 'soon' }).toMatchObject({
          status: 'MESSAGE_ILLEGAL',
          message: expect.stringContaining('TIMER_DELAY_SEC is soon'),
        })
        await refused({ TIMER_DELAY_SEC: '100' }).toMatchObject({
          status: 'MESSAGE_ILLEGAL',
          message: expect.stringContaining('the max delay 60000ms'),
        })
        await refused({ TIMER_DELIVER_MS: '1', TIMER_DEL_UNIQKEY: 'T+X' }).toMatchObject({ status: 'MESSAGE_ILLEGAL' })
        expect(await bodies(fixture)).toEqual([])
      },
      { timerMaxDelaySec: 60 },
    ),
  )

  test(
    'without a wheel they are refused',
    withBroker(
      async fixture => {
        await expect(timed(fixture, 'x', { TIMER_DELAY_SEC: '1' })).rejects.toMatchObject({
          status: 'SYSTEM_ERROR',
          message: expect.stringContaining('timerWheelEnable is false'),
        })
      },
      { timerWheelEnable: false },
    ),
  )

  test(
    'those of one moment come in the order in which they were sent',
    withBroker(async fixture => {
      const { clock } = fixture.broker.services.world
      const deliverMs = String(clock.now() + 20_000)
      const sent = Array.from({ length: 700 }, (_, i) => `m${i}`)
      for (const body of sent) await timed(fixture, body, { TIMER_DELIVER_MS: deliverMs })
      await clock.sleep(30_000)
      expect(await bodies(fixture)).toEqual(sent)
    }),
  )

  test(
    'further than the window reaches they roll, and come in time',
    withBroker(
      async fixture => {
        const { clock } = fixture.broker.services.world
        const start = clock.now()
        await after(fixture, 'far', 65_000)
        await clock.sleep(64_000)
        expect(await bodies(fixture)).toEqual([])
        await clock.sleep(3000)
        const [message] = await delivered(fixture)
        expect(message!.storeTimestamp - start).toBeGreaterThanOrEqual(65_000)
        expect(Number(message!.properties.get('TIMER_ROLL_TIMES'))).toBeGreaterThan(2)
      },
      { timerRollWindowSlot: 20 },
    ),
  )

  test.each(['stop', 'kill', 'power'] as const)('survives a %s in the middle', async how => {
    const sim = new Simulation(3)
    await sim.run(async () => {
      let fixture = await startBroker(sim, { flushDiskType: 'SYNC_FLUSH' })
      const start = sim.nowMs
      for (let i = 0; i < 40; i++) await after(fixture, `m${i}`, 1000 + i * 250)
      await sim.sleep(5000)
      const before = new Set(await bodies(fixture))
      expect(before.size).toBeGreaterThan(5)
      fixture = await fixture.restart(how)
      await sim.sleep(15_000)
      const all = await delivered(fixture)
      expect(new Set(all.map(({ storedBody }) => storedBody.toString())).size).toBe(40)
      for (const message of all)
        expect(message.storeTimestamp - start).toBeGreaterThanOrEqual(
          1000 + 250 * Number(message.storedBody.toString().slice(1)),
        )
      if (how === 'stop') expect(all.length).toBe(40)
    })
  })

  test('a broker that was away for days delivers what is overdue, in order of the times', async () => {
    const sim = new Simulation(4)
    await sim.run(
      async () => {
        let fixture = await startBroker(sim, { flushDiskType: 'SYNC_FLUSH' })
        for (const hours of [30, 10, 50, 20]) await after(fixture, `h${hours}`, hours * 3_600_000)
        await sim.sleep(3000)
        await fixture.broker.stop()
        fixture.host.jumpClock(15 * 24 * 3_600_000)
        fixture = await fixture.restart('kill')
        await sim.sleep(60_000)
        expect(await bodies(fixture)).toEqual(['h10', 'h20', 'h30', 'h50'])
      },
      { maxVirtualMs: 30 * 24 * 3_600_000 },
    )
  })
})

describe('once, whatever happens meanwhile', () => {
  test(
    'when it stops in the middle of a slot it goes on behind what is delivered',
    withBroker(async fixture => {
      const { timer, arrivals, world } = fixture.broker.services
      const { clock } = world
      const deliverMs = String(clock.now() + 10_000)
      const sent = Array.from({ length: 700 }, (_, i) => `m${i}`)
      for (const body of sent) await timed(fixture, body, { TIMER_DELIVER_MS: deliverMs })
      let stopped: Promise<void> | undefined
      arrivals.add(arrived => {
        if (arrived[0]!.topic === TOPIC) stopped ??= timer.stop()
      })
      await clock.sleep(15_000)
      await stopped
      const before = (await bodies(fixture)).length
      expect(before).toBeGreaterThan(0)
      expect(before).toBeLessThan(sent.length)
      await timer.start()
      await clock.sleep(5000)
      expect(await bodies(fixture)).toEqual(sent)
    }),
  )

  test(
    'a timer log that cannot be written does not deliver what is due again and again',
    withBroker(async fixture => {
      const { world, config } = fixture.broker.services
      Object.assign(config, { timerStopEnqueue: true })
      await after(fixture, 'due', 1000)
      await after(fixture, 'later', 20_000)
      await world.clock.sleep(5000)
      const heal = fixture.host.disk.fail({ on: 'write', path: '/store/timerlog/', code: 'ENOSPC' })
      Object.assign(config, { timerStopEnqueue: false })
      await world.clock.sleep(5000)
      heal()
      await world.clock.sleep(20_000)
      expect(await bodies(fixture)).toEqual(['due', 'later'])
    }),
  )

  test('a power cut takes nothing whose delivery was not synced yet', async () => {
    const sim = new Simulation(8)
    await sim.run(async () => {
      const { disk } = sim.host('broker').world
      const open = disk.open.bind(disk)
      let syncMs = 0
      // The commit log's disk is slow, that of the timer is not.
      disk.open = async (path, mode) => {
        const file = await open(path, mode)
        if (!path.startsWith('/store/commitlog/')) return file
        const sync = file.sync.bind(file)
        file.sync = async () => {
          await sim.sleep(syncMs)
          await sync()
        }
        return file
      }
      let fixture = await startBroker(sim, { flushDiskType: 'SYNC_FLUSH', syncFlushTimeout: 60_000 })
      await after(fixture, 'm', 2000)
      await sim.sleep(1000)
      syncMs = 10_000
      await sim.sleep(6000)
      fixture = await fixture.restart('power')
      await sim.sleep(20_000)
      expect(await bodies(fixture)).toEqual(['m'])
    })
  })

  test(
    'a message whose properties have no room for more rolls all the same',
    withBroker(
      async fixture => {
        const deliverMs = String(fixture.broker.services.world.clock.now() + 65_000)
        const send = (padding: number) =>
          timed(fixture, 'full', { TIMER_DELIVER_MS: deliverMs, pad: 'x'.repeat(padding) }).then(
            () => true,
            () => false,
          )
        let padding = 32_767
        while (!(await send(padding))) padding--
        await fixture.sim.sleep(70_000)
        expect(await bodies(fixture)).toEqual(['full'])
      },
      { timerRollWindowSlot: 20 },
    ),
  )
})

describe('what the timer keeps on disk', () => {
  /** Sends 200 messages that are due in 20 to 40 s, lets `damage` have the stopped broker's disk, and expects all of them. */
  async function survives(damage: (disk: SimHost['world']['disk']) => Promise<void>): Promise<void> {
    const sim = new Simulation(5)
    await sim.run(async () => {
      let fixture = await startBroker(sim, { mappedFileSizeTimerLog: 4096 })
      const sent = Array.from({ length: 200 }, (_, i) => `m${i}`)
      for (const [i, body] of sent.entries()) await after(fixture, body, 20_000 + i * 100)
      const { recallHandle } = await after(fixture, 'recalled', 30_000)
      await fixture.ask(brokerRequests.recallMessage, {
        producerGroup: 'PG',
        topic: TOPIC,
        recallHandle: recallHandle!,
      })
      await sim.sleep(25_000)
      expect((await bodies(fixture)).length).toBeGreaterThan(20)
      await fixture.broker.stop()
      await damage(fixture.host.world.disk)
      fixture = await fixture.restart('kill')
      await sim.sleep(40_000)
      const all = await bodies(fixture)
      expect(new Set(all)).toEqual(new Set(sent))
      // What had been delivered is known all the same.
      expect(all.length).toBe(sent.length)
      expect(fixture.broker.services.timer.pending).toBe(0)
    })
  }

  test('is made anew without its wheel', () => survives(disk => disk.remove('/store/timerwheel')))

  test('is made anew without its log', () => survives(disk => disk.removeTree('/store/timerlog')))

  test('is made anew when a list leads astray', () =>
    survives(async disk => {
      const { name } = (await disk.list('/store/timerlog'))[1]!
      const file = await disk.open(`/store/timerlog/${name}`, 'readWrite')
      await file.write([Buffer.alloc(2000, 7)], 500)
      await file.close()
    }))

  test('keeps its progress in Apache’s check point', () =>
    survives(async disk => {
      const file = await disk.open('/store/config/timercheck', 'readWrite')
      // As an Apache broker leaves it: nothing of ours is vouched for any more.
      await file.write([Buffer.alloc(64)], 64)
      await file.close()
    }))

  test('refuses a wheel of another length with a sentence', async () => {
    const sim = new Simulation(6)
    await sim.run(async () => {
      const fixture = await startBroker(sim)
      await fixture.broker.stop()
      const file = await fixture.host.world.disk.open('/store/timerwheel', 'readWrite')
      await file.truncate(1000)
      await file.close()
      await expect(fixture.restart('kill')).rejects.toThrow(
        '/store/timerwheel has 1000 bytes, a timer wheel has 38707200',
      )
    })
  })

  test('a commit log file that has expired stays while a message in it waits', async () => {
    const sim = new Simulation(7)
    await sim.run(
      async () => {
        const fixture = await startBroker(sim, { fileReservedTime: 1 })
        const { store } = fixture.broker.services
        await after(fixture, 'waits', 8_000_000)
        for (let i = 0; i < 30; i++) await fixture.send('Other', { body: 'x'.repeat(30_000) })
        fixture.host.jumpClock(7_000_000)
        await sim.sleep(5000)
        await store.deleteExpiredFiles()
        expect(store.minPhysicalOffset).toBe(0)
        fixture.host.jumpClock(1_100_000)
        // What it found needed counts for a minute.
        await sim.sleep(70_000)
        expect(await bodies(fixture)).toEqual(['waits'])
        await store.deleteExpiredFiles()
        expect(store.minPhysicalOffset).toBeGreaterThan(0)
      },
      { maxVirtualMs: 10_000_000 },
    )
  })

  test(
    'a disk that is nearly full gets space also when nobody can tell what waits',
    withBroker(
      async fixture => {
        const { store, world } = fixture.broker.services
        for (let i = 0; i < 30; i++) await fixture.send('Other', { body: 'x'.repeat(30_000) })
        fixture.host.jumpClock(4_000_000)
        await fixture.sim.sleep(5000)
        store.neededFrom = async () => Promise.reject(new Error('the timer log is damaged'))
        await expect(store.deleteExpiredFiles()).rejects.toThrow('the timer log is damaged')
        expect(store.minPhysicalOffset).toBe(0)
        world.disk.space = async () => ({ totalBytes: 100, freeBytes: 12 })
        await store.deleteExpiredFiles()
        expect(store.minPhysicalOffset).toBeGreaterThan(0)
      },
      { fileReservedTime: 1 },
    ),
  )

  test(
    'tells slaves and metrics how far it is',
    withBroker(async fixture => {
      await after(fixture, 'near', 3000)
      await after(fixture, 'far', 100_000)
      await fixture.sim.sleep(2500)
      const { body: checkpoint } = await fixture.ask(brokerRequests.getTimerCheckPoint, {})
      expect(checkpoint).toHaveLength(56)
      const { body: metrics } = await fixture.ask(brokerRequests.getTimerMetrics, {})
      expect(metrics!.timingCount.get(TOPIC)).toMatchObject({ count: 2 })
      const { timer } = fixture.broker.services
      expect(timer.pending).toBe(2)
      expect(await timer.snapshot()).toEqual([1, 0, 1, 0, 0, 0, 0, 0])
      await fixture.sim.sleep(10_000)
      expect(timer.pending).toBe(1)
      expect(timer.metrics.counts.get(TOPIC)).toMatchObject({ count: 1 })
    }),
  )
})

describe('recall', () => {
  const recall = (fixture: Fixture, recallHandle: string, topic = TOPIC) =>
    fixture.ask(brokerRequests.recallMessage, { producerGroup: 'PG', topic, recallHandle })

  test(
    'takes a message back, and only that one',
    withBroker(async fixture => {
      const { clock } = fixture.broker.services.world
      const handles: string[] = []
      for (let i = 0; i < 4; i++) handles.push((await after(fixture, `m${i}`, 5000 + i)).recallHandle!)
      const { msgId } = await recall(fixture, handles[1]!)
      expect(decodeRecallHandle(handles[1]!)).toMatchObject({ topic: TOPIC, brokerName: 'broker-a', messageId: msgId })
      await clock.sleep(10_000)
      expect(await bodies(fixture)).toEqual(['m0', 'm2', 'm3'])
    }),
  )

  test(
    'takes a message back that rolls',
    withBroker(
      async fixture => {
        const { clock } = fixture.broker.services.world
        const { recallHandle } = await after(fixture, 'gone', 70_000)
        await after(fixture, 'stays', 70_000)
        await clock.sleep(30_000)
        await recall(fixture, recallHandle!)
        await clock.sleep(60_000)
        expect(await bodies(fixture)).toEqual(['stays'])
      },
      { timerRollWindowSlot: 20 },
    ),
  )

  test(
    'says what is wrong with a handle',
    withBroker(async fixture => {
      const { clock } = fixture.broker.services.world
      const { recallHandle } = await after(fixture, 'm', 5000)
      const handle = decodeRecallHandle(recallHandle!)!
      const refused = (handle: string, topic = TOPIC) => expect(recall(fixture, handle, topic)).rejects
      await refused('nonsense').toMatchObject({
        status: 'ILLEGAL_OPERATION',
        message: /recall handle is invalid/ as never,
      })
      await refused(recallHandle!, 'NoSuchTopic').toMatchObject({ status: 'TOPIC_NOT_EXIST' })
      await refused(recallHandle!, 'TBW102').toMatchObject({ status: 'ILLEGAL_OPERATION' })
      await refused(encodeRecallHandle({ ...handle, brokerName: 'another' })).toMatchObject({
        status: 'ILLEGAL_OPERATION',
      })
      await refused(encodeRecallHandle({ ...handle, timestamp: 'x' })).toMatchObject({ status: 'ILLEGAL_OPERATION' })
      await clock.sleep(6000)
      await refused(recallHandle!).toMatchObject({
        status: 'ILLEGAL_OPERATION',
        message: expect.stringContaining('timestamp invalid'),
      })
    }),
  )

  test(
    'may be forbidden',
    withBroker(
      async fixture => {
        const { recallHandle } = await after(fixture, 'm', 5000)
        await expect(recall(fixture, recallHandle!)).rejects.toMatchObject({ status: 'NO_PERMISSION' })
      },
      { recallMessageEnable: false },
    ),
  )
})

describe('a clock that is put right', () => {
  const YEARS = 3 * 365 * 24 * 3_600_000

  test('after it was years ahead, messages come at their time, and what was delivered does not come again', async () => {
    const sim = new Simulation(5)
    await sim.run(
      async () => {
        const fixture = await startBroker(sim)
        await after(fixture, 'before', 3_600_000)
        await sim.sleep(2000)
        fixture.host.jumpClock(YEARS)
        await after(fixture, 'ahead', 3000)
        // A turn of the wheel is looked through for what is overdue.
        await sim.sleep(120_000)
        expect((await bodies(fixture)).sort()).toEqual(['ahead', 'before'])
        await after(fixture, 'ahead and waiting', 3_600_000)
        fixture.host.jumpClock(-YEARS)
        await after(fixture, 'right again', 5000)
        await sim.sleep(10_000)
        expect((await bodies(fixture)).sort()).toEqual(['ahead', 'before', 'right again'])
      },
      { maxVirtualMs: 4 * YEARS },
    )
  })

  test(
    'put back by minutes, and the wheel made anew: nothing is lost, nothing comes minutes late',
    withBroker(async fixture => {
      const { sim, host } = fixture
      for (const seconds of [5, 30, 4000]) await after(fixture, `s${seconds}`, seconds * 1000)
      await sim.sleep(10_000)
      expect(await bodies(fixture)).toEqual(['s5'])
      host.jumpClock(-600_000)
      await after(fixture, 'new', 20_000)
      await sim.sleep(30_000)
      expect(await bodies(fixture)).toEqual(['s5', 'new'])
      await sim.sleep(700_000)
      expect(await bodies(fixture)).toEqual(['s5', 'new', 's30'])
    }),
  )
})
