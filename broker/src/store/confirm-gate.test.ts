import { describe, expect, test } from '@jest/globals'
import { simulation } from '@rocketcluster/world/sim'
import { CommitGroup, Put, Shared } from './commit-group.ts'
import { ConfirmGate } from './confirm-gate.ts'

const SIZE = 100

/** A log of records of 100 bytes each, and a gate in it. */
function gated(random = simulation(1)) {
  const log = {
    durable: 0,
    readable: [] as number[],
    released: [] as number[],
    counted: 0,
    reads: [] as [number, number][],
    failures: 0,
  }
  const world = random.host('host').world
  const gate = new ConfirmGate(world, {
    durable: () => log.durable,
    release: group => {
      log.counted += group.puts.length
      log.readable.push(...group.puts.map(({ physicalOffset }) => physicalOffset))
      log.released.push(group.end)
      group.durable?.resolve('PUT_OK')
    },
    count: puts => {
      log.counted += puts.length
    },
    makeReadable: puts => {
      log.readable.push(...puts.map(({ physicalOffset }) => physicalOffset))
    },
    read: async (from, to, visit) => {
      log.reads.push([from, to])
      await world.clock.sleep(1)
      if (log.failures-- > 0) throw new Error('the disk is away')
      let at = from
      while (at + SIZE <= to) {
        const puts = [put(at)]
        at += SIZE
        visit(puts, at)
        await world.clock.sleep(1)
      }
      return at
    },
  })
  const store = (count: number): CommitGroup => {
    const group = new CommitGroup(log.durable)
    for (let i = 0; i < count; i++) group.puts.push(put(log.durable + i * SIZE))
    group.end = log.durable += count * SIZE
    group.writtenMs = world.clock.monotonicMs()
    return group
  }
  return { log, gate, store, world }
}

function put(physicalOffset: number): Put {
  return new Put('T', 0, physicalOffset / SIZE, physicalOffset, SIZE, 1, 0, 0, undefined, undefined)
}

const upTo = (end: number) => Array.from({ length: end / SIZE }, (_, i) => i * SIZE)

const running = (run: (parts: ReturnType<typeof gated>) => Promise<void>) => {
  const sim = simulation(1)
  return sim.run(() => run(gated(sim)))
}

describe('what is stored', () => {
  test('becomes readable when it is confirmed, also parts of a group, and in order', () =>
    running(async ({ log, gate, store }) => {
      expect(gate.hold(store(3))).toBe(true)
      expect(gate.hold(store(2))).toBe(true)
      gate.confirm(50)
      expect(log.readable).toEqual([])
      gate.confirm(250)
      expect([log.readable, gate.readable, gate.confirmed]).toEqual([upTo(200), 200, 250])
      gate.confirm(100)
      expect(gate.confirmed).toBe(250)
      gate.confirm(500)
      expect([log.readable, gate.readable, log.released, log.counted]).toEqual([upTo(500), 500, [300, 500], 5])
    }))

  test('passes at once when it is confirmed already', () =>
    running(async ({ log, gate, store }) => {
      const group = store(1)
      gate.confirm(100)
      expect(gate.hold(group)).toBe(false)
      expect(log.released).toEqual([100])
    }))

  test('is confirmed no further than it is stored', () =>
    running(async ({ log, gate, store }) => {
      gate.hold(store(1))
      gate.confirm(1000)
      expect(gate.confirmed).toBe(100)
      gate.hold(store(1))
      expect(log.readable).toEqual(upTo(100))
      gate.confirm(Number.NaN)
      expect(gate.confirmed).toBe(100)
    }))

  test('is answered when it takes too long, and readable all the same later', () =>
    running(async ({ log, gate, store, world }) => {
      const group = store(1)
      group.durable = new Shared()
      gate.hold(group)
      await world.clock.sleep(10)
      expect(gate.answerLate(world.clock.monotonicMs(), 3000)).toBeCloseTo(2990, 0)
      expect(gate.answerLate(world.clock.monotonicMs() + 3000, 3000)).toBe(Number.POSITIVE_INFINITY)
      expect(await group.durable.promise).toBe('FLUSH_SLAVE_TIMEOUT')
      gate.confirm(100)
      expect(log.readable).toEqual(upTo(100))
    }))
})

describe('what memory does not hold', () => {
  test('of the life before is read from the log as far as it is confirmed; what came since waits behind it', () =>
    running(async ({ log, gate, store, world }) => {
      log.durable = 500
      gate.start(500, 200)
      log.readable = upTo(200)
      gate.hold(store(2))
      gate.confirm(300)
      await world.clock.sleep(20)
      expect([log.readable, gate.readable]).toEqual([upTo(300), 300])
      gate.confirm(400)
      gate.confirm(600)
      await world.clock.sleep(20)
      expect([log.readable, gate.readable]).toEqual([upTo(600), 600])
      gate.confirm(700)
      expect(log.readable).toEqual(upTo(700))
      expect(log.reads).toEqual([
        [200, 300],
        [300, 400],
        [400, 500],
      ])
    }))

  test('is read again after the disk has failed', () =>
    running(async ({ log, gate, world }) => {
      log.durable = 300
      gate.start(300, 0)
      log.failures = 2
      gate.confirm(300)
      await world.clock.sleep(100)
      expect(log.readable).toEqual([])
      await world.clock.sleep(1500)
      expect(log.readable).toEqual(upTo(300))
    }))

  test('as it is too much, is read when its time comes, and who waits is answered', () =>
    running(async ({ log, gate, store, world }) => {
      const first = store(70_000)
      first.durable = new Shared()
      expect(gate.hold(first)).toBe(true)
      expect([first.puts.length, log.counted]).toEqual([0, 70_000])
      const second = store(1)
      gate.hold(second)
      let answer: string | undefined
      first.durable.promise.then(status => (answer = status))
      log.durable -= SIZE
      gate.confirm(300)
      await world.clock.sleep(10)
      expect([log.readable, answer]).toEqual([upTo(300), undefined])
      log.durable += SIZE
      gate.confirm(log.durable)
      await world.clock.sleep(100_000)
      expect([log.readable.length, gate.readable, answer, log.counted]).toEqual([70_001, log.durable, 'PUT_OK', 70_001])
      expect(log.released).toEqual([log.durable])
    }))

  test('stays where it is when the log closes, and who waits is told so', () =>
    running(async ({ log, gate, store }) => {
      log.durable = 500
      gate.start(500, 0)
      const group = store(1)
      group.durable = new Shared()
      gate.hold(group)
      gate.confirm(600)
      await gate.stop()
      const { readable } = gate
      expect(await group.durable.promise).toBe('FLUSH_SLAVE_TIMEOUT')
      expect([readable < 500, log.readable]).toEqual([true, upTo(readable)])
    }))
})
