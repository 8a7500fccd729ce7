import { expect, test } from '@jest/globals'
import { diagnose, duration, type Observed, type QueueObserved } from './diagnose.ts'

const queue = (queueId: number, more: Partial<QueueObserved> = {}): QueueObserved => ({
  brokerName: 'broker-a',
  queueId,
  minOffset: 0,
  maxOffset: 1000,
  consumerOffset: 1000,
  consumed: 0,
  arrived: 0,
  waitingMs: undefined,
  owner: undefined,
  ...more,
})
const observed = (more: Partial<Observed> = {}): Observed => ({
  topic: 'T',
  group: 'G',
  seconds: 10,
  queues: [queue(0), queue(1)],
  members: ['c1', 'c2'],
  subscribed: true,
  pausedOn: [],
  unreadableOn: [],
  consumeMs: undefined,
  failedPerSecond: undefined,
  reliefTopic: undefined,
  ...more,
})
const causes = (more: Partial<Observed>) => diagnose(observed(more)).causes.map(({ name }) => name)
/** Behind, and a little is consumed while more arrives. */
const slow = { consumerOffset: 100, consumed: 10, arrived: 50 }

test('no backlog has no cause, whatever else is odd', () => {
  expect(diagnose(observed({ members: [], pausedOn: ['broker-a'] }))).toMatchObject({ lag: 0, causes: [] })
})

test('numbers are sums over the queues, rates per second, and the oldest wait', () => {
  const found = diagnose(
    observed({ queues: [queue(0, { ...slow, waitingMs: 5000 }), queue(1, { ...slow, waitingMs: 9000 })] }),
  )
  expect(found).toMatchObject({
    lag: 1800,
    consumedPerSecond: 2,
    arrivedPerSecond: 10,
    waitingMs: 9000,
    secondsLeft: undefined,
  })
})

test('nobody consumes: not connected, not subscribed, switched off, not readable', () => {
  const queues = [queue(0, { consumerOffset: 0 })]
  expect(causes({ queues, members: [], subscribed: undefined })).toEqual(['no-consumers'])
  expect(causes({ queues, subscribed: false })).toEqual(['not-subscribed'])
  expect(causes({ queues, pausedOn: ['broker-a'] })).toEqual(['paused'])
  expect(causes({ queues, unreadableOn: ['broker-a'] })).toEqual(['unreadable'])
})

test('a relief that is under way comes first, and its pause is no riddle', () => {
  const [first, second] = diagnose(
    observed({ queues: [queue(0, { consumerOffset: 0 })], pausedOn: ['broker-a'], reliefTopic: 'T-relief-G' }),
  ).causes
  expect(first).toMatchObject({ name: 'relief', why: expect.stringContaining('T-relief-G') })
  expect(second!.advice).toContain('relief switches it on')
})

test('a queue that stands still while others move is told with its offset, owner and lock', () => {
  const owner = { clientId: 'c2', held: 1, locked: true }
  const [cause] = diagnose(
    observed({ queues: [queue(0, { ...slow, consumed: 900 }), queue(1, { consumerOffset: 7, owner })] }),
  ).causes
  expect(cause).toMatchObject({ name: 'stuck-queue' })
  expect(cause!.why).toContain('broker-a:1 at offset 7, held by c2 with its order lock (1 messages in work)')
})

test('nothing moves at all', () => {
  expect(causes({ queues: [queue(0, { consumerOffset: 5 }), queue(1, { consumerOffset: 5 })] })).toContain('standstill')
})

test('slow consumers: fewer than queues, or as many and then more queues are the cure', () => {
  const queues = [queue(0, slow), queue(1, slow)]
  expect(causes({ queues, members: ['c1'] })).toEqual(['too-few-consumers', 'slow'])
  const found = diagnose(observed({ queues, members: ['c1', 'c2', 'c3'], consumeMs: 120 })).causes
  expect(found.map(({ name }) => name)).toEqual(['too-few-queues', 'slow'])
  expect(found[0]!.why).toContain('1 have nothing to do')
  expect(found[0]!.advice).toContain('backlog relieve --topic T --group G --queues 8')
  expect(found[1]!.why).toContain('a message takes 120 ms')
})

test('what goes away by itself within the hour needs nothing', () => {
  const queues = [queue(0, { consumerOffset: 500, consumed: 100 }), queue(1, { consumerOffset: 500, consumed: 100 })]
  const found = diagnose(observed({ queues }))
  expect(found.causes.map(({ name }) => name)).toEqual(['catching-up'])
  expect(found.causes[0]!.advice).toContain('gone in 50 s')
})

test('failures, an uneven backlog, and messages that retention removed', () => {
  expect(causes({ queues: [queue(0, slow), queue(1, slow)], failedPerSecond: 3 })).toContain('failing')
  expect(causes({ queues: [queue(0, slow), queue(1, { consumerOffset: 999, consumed: 1 })] })).toContain('uneven')
  const [expired] = diagnose(
    observed({ queues: [queue(0, { minOffset: 150, consumerOffset: 100, consumed: 1 })] }),
  ).causes
  expect(expired).toMatchObject({ name: 'expired', why: expect.stringContaining('50 messages of broker-a:0') })
})

test('durations are short', () => {
  expect([400, 90_000, 600_000, 3 * 3_600_000 + 300_000, 60 * 3_600_000].map(duration)).toEqual([
    '0 s',
    '90 s',
    '10 min',
    '3 h 5 min',
    '2 d 12 h',
  ])
})
