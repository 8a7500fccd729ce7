import { expect, test } from '@jest/globals'
import { silentLog } from '@rocketcluster/world'
import { everySeed } from '@rocketcluster/world/sim'
import { ConsumeQueues } from './consume-queues.ts'
import { IndexService } from './index-service.ts'

/** A message of the log that consume queues and index derive from. */
interface Message {
  readonly queueId: number
  readonly queueOffset: number
  readonly physicalOffset: number
  readonly sizeBytes: number
  readonly tagsCode: number
  readonly key: string
  readonly storeTimestamp: number
}

test('after every crash, what the flushes vouched for and what the log repeats make the whole again', () =>
  everySeed(
    20,
    async (_, sim) => {
      const host = sim.host('host')
      const { random } = sim
      const log: Message[] = []
      let next = 0
      /** What the checkpoint would say. */
      let vouched = { physicalEnd: 0, timestamp: 0 }
      await host.world.disk.makeDirectory('/store')
      await host.world.disk.syncDirectory('/')

      for (let life = 0; ; life++) {
        const world = life === 0 ? host.world : host.restart()
        const queues = await ConsumeQueues.open(world, {
          directory: '/store/consumequeue',
          fileSizeBytes: 400,
          maxOpenFiles: 4,
          trustedPhysicalOffset: vouched.physicalEnd,
          log: silentLog,
        })
        const index = await IndexService.open(world, {
          directory: '/store/index',
          maxHashSlotNum: 20,
          maxIndexNum: 50,
          checkpointTimestamp: vouched.timestamp,
          log: silentLog,
        })
        const put = (message: Message) => {
          const { queueId, queueOffset, physicalOffset, sizeBytes, tagsCode, key, storeTimestamp } = message
          queues.put('topic', queueId, queueOffset, physicalOffset, sizeBytes, tagsCode)
          index.put('topic', key, undefined, physicalOffset, storeTimestamp)
        }
        // The index says itself how far it goes; the queues are believed as far as they were vouched for.
        const from = Math.min(vouched.physicalEnd, index.lastPhysicalOffset + 1)
        for (const message of log) if (message.physicalOffset >= from) put(message)

        for (let queueId = 0; queueId < 3; queueId++) {
          const expected = log.filter(message => message.queueId === queueId)
          expect(queues.maxOffset('topic', queueId)).toBe(expected.length)
          for (const { queueOffset, physicalOffset } of expected) {
            const { buffer, start, count } = await queues.read('topic', queueId, queueOffset, 1)
            expect(count).toBe(1)
            expect(Buffer.from(buffer).readBigInt64BE(start)).toBe(BigInt(physicalOffset))
          }
        }
        for (let key = 0; key < 5; key++) {
          const found = await index.query('topic', `key-${key}`, 10_000, 0, Number.MAX_SAFE_INTEGER)
          const expected = log.filter(message => message.key === `key-${key}`).map(message => message.physicalOffset)
          expect(found.physicalOffsets).toEqual(expected.reverse())
        }
        if (life === 4) {
          await queues.close()
          await index.close()
          return
        }

        const work = async () => {
          for (;;) {
            for (let i = random.int(30); i > 0; i--) {
              const queueId = random.int(3)
              const message: Message = {
                queueId,
                queueOffset: queues.assign('topic', queueId),
                physicalOffset: next,
                sizeBytes: 100 + random.int(50),
                tagsCode: random.int(9),
                key: `key-${random.int(5)}`,
                storeTimestamp: world.clock.now(),
              }
              next += message.sizeBytes
              log.push(message)
              put(message)
            }
            const end = next
            await queues.flush()
            const { storeTimestamp } = await index.flush()
            vouched = { physicalEnd: end, timestamp: storeTimestamp }
            await world.clock.sleep(random.int(5))
          }
        }
        work().catch(() => {})
        await sim.sleep(random.int(300))
        if (random.next() < 0.7) host.powerCut()
        else host.crash()
      }
    },
    { file: import.meta.filename },
  ))
