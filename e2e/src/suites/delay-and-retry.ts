/** Delay levels, retries and dead letters, with the official Java client: the same outcome on our broker and on Apache's. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freeBrokerPort, installApache, installClient } from '../apache/index.ts'
import { apacheBroker, startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { javaCommand } from '../clients/java.ts'
import { readTopic } from '../reader.ts'
import { newDirectory, ownBroker, type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Child, startChild } from '../runner/children.ts'
import { type Scope, suite } from '../runner/suite.ts'
import { type Answer, sendTo, Wire } from '../wire.ts'

interface System {
  readonly name: 'RocketCluster' | 'Apache'
  readonly nameServer: string
  readonly broker: Server
}

/** Seconds of level 1, 2, …; an application's first retry takes level 3. */
const LEVELS = [1, 2, 3, 4, 5, 6]
const CONF = { messageDelayLevel: LEVELS.map(seconds => `${seconds}s`).join(' ') }

/** A push consumer of Apache's broker may wait for 30 s at its start: SUBSCRIPTION_NOT_LATEST. */
const PATIENCE_MS = 90_000

/** How late a test may see a delivery: a busy machine adds its own. What it was is printed. */
const LATE_MS = 5000

interface Seen {
  readonly body: string
  readonly topic: string
  readonly msgId: string
  readonly attempt: string
  readonly queueId: number
  readonly reconsumeTimes: number
  readonly bornTimestamp: number
  readonly storeTimestamp: number
  readonly atMs: number
  readonly tags: string
  readonly properties: Readonly<Record<string, string>>
}

/** The Java program at work. */
class Program {
  readonly child: Child

  constructor(child: Child) {
    this.child = child
  }

  all(word: string): Seen[] {
    return this.child.lines
      .filter(line => line.startsWith(`${word} {`))
      .map(line => JSON.parse(line.slice(word.length + 1)) as Seen)
  }

  /** Resolves with what was seen when there is enough of it. */
  async until(word: string, enough: (seen: readonly Seen[]) => boolean, timeoutMs = PATIENCE_MS): Promise<Seen[]> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const seen = this.all(word)
      if (enough(seen)) return seen
      if (this.child.end || performance.now() > deadline) {
        const why = this.child.end ? 'it ended' : `${timeoutMs} ms passed`
        throw new Error(
          `not enough of "${word}" before ${why}: ${JSON.stringify(seen)}\n${this.child.lines.slice(-5).join('\n')}`,
        )
      }
      await sleep(50)
    }
  }
}

let serial = 0

/** Starts the program; its topics begin with `prefix`. */
async function start(system: System, client: string, what: string): Promise<{ program: Program; prefix: string }> {
  const installation = client === '4.9.8' ? await installClient() : await installApache()
  const { command, args } = await javaCommand('DelayAndRetry', installation)
  const prefix = `e2e${client.replace(/\W/g, '')}${system.name.charAt(0)}${++serial}`
  const child = startChild({
    name: `delay-and-retry-${prefix}`,
    command,
    args: [...args, what, '--name-server', system.nameServer, '--prefix', prefix],
  })
  return { program: new Program(child), prefix }
}

const bodies = (seen: readonly Seen[]) => [...new Set(seen.map(({ body }) => body))].sort()
const has = (count: number) => (seen: readonly Seen[]) => seen.length >= count

export default suite('delay-and-retry', ({ test, once }) => {
  const ours = once(async (scope: Scope): Promise<System> => {
    const nameServer = await startOwnNameServer(scope)
    const broker = await startOwnBroker(scope, { nameServers: [nameServer.address], conf: CONF })
    return { name: 'RocketCluster', nameServer: nameServer.address, broker }
  })
  const apache = once(async (scope: Scope): Promise<System> => {
    const nameServer = await startApacheNameServer(scope)
    const broker = await startApacheBroker(scope, { nameServers: [nameServer.address], conf: CONF })
    return { name: 'Apache', nameServer: nameServer.address, broker }
  })

  for (const [name, system] of [
    ['RocketCluster', ours],
    ['Apache', apache],
  ] as const) {
    for (const client of ['5.5.0', '4.9.8']) {
      test(
        `java ${client}: delays, retries and dead letters on ${name}`,
        async ({ note, defer }) => {
          const { program, prefix } = await start(await system(), client, 'all')
          defer(() => program.child.kill())
          await Promise.all([
            delays(program, note),
            retries(program, prefix),
            deadLetters(program, prefix),
            inOrder(program, prefix),
          ])
        },
        { timeoutMs: 200_000 },
      )
    }
    test(`illegal values on ${name}`, async () => illegalValues(await system()), { timeoutMs: 150_000 })
  }
  test('delayed messages change hands between the two brokers, and come once', changesHands, { timeoutMs: 240_000 })
  for (const [name, system] of [
    ['RocketCluster', ours],
    ['Apache', apache],
  ] as const)
    test(
      `what waits survives a kill of ${name}’s broker`,
      async ({ note, defer }) => {
        const running = await system()
        const { program, prefix } = await start(running, '5.5.0', 'restart')
        defer(() => program.child.kill())
        await survivesKill(running, program, prefix, note)
      },
      { timeoutMs: 200_000 },
    )
})

/** Messages that wait change hands with the store, and come once: the progress is kept in Apache's format. */
async function changesHands(scope: Scope): Promise<void> {
  const nameServer = await startOwnNameServer(scope)
  const directory = await newDirectory('delayed')
  const store = join(directory, 'store')
  const conf = {
    ...CONF,
    storePathRootDir: store,
    storePathCommitLog: join(store, 'commitlog'),
    mappedFileSizeCommitLog: 16 << 20,
    mappedFileSizeConsumeQueue: 60_000,
    maxIndexNum: 4000,
    maxHashSlotNum: 1000,
  }
  const common = { nameServers: [nameServer.address], port: await freeBrokerPort(), conf }
  const apache = await apacheBroker(scope, { ...common, dataDir: join(directory, 'apache') })
  const ours = await ownBroker({ ...common, dataDir: join(directory, 'ours') })
  scope.defer(() => ours.kill().catch(() => {}))
  const topic = 'e2e-changes-hands'
  const read = async () => (await readTopic(nameServer.address, topic)).map(({ n }) => n).sort()
  const awaits = async (expected: readonly number[]) => {
    for (const deadline = performance.now() + 20_000; performance.now() < deadline; await sleep(200))
      if ((await read()).length >= expected.length) break
    assert.deepEqual(await read(), expected)
  }
  const send = async (n: number, level: number) => {
    const wire = await Wire.open(common.port)
    const answer = await wire.ask(sendTo(topic, 0, { i: `DELAY\u0001${level}\u0002` }), Buffer.from(`${n} `))
    wire.close()
    assert.equal(answer.code, 0, answer.remark)
  }

  await ours.start()
  await send(0, 1)
  await send(1, LEVELS.length)
  await awaits([0])
  await ours.stop()
  await apache.start()
  await awaits([0, 1])
  await send(2, 1)
  await awaits([0, 1, 2])
  await send(3, LEVELS.length)
  await apache.stop()
  await ours.start()
  await awaits([0, 1, 2, 3])
  // Nothing of what either has delivered comes again.
  await sleep(1500)
  assert.deepEqual(await read(), [0, 1, 2, 3])
}

/** Each level waits for its time and no less; a level above the last one is the last; 0 and below do not wait. */
async function delays(program: Program, note: (text: string) => void): Promise<void> {
  const seen = await program.until('delayed', has(7))
  assert.deepEqual(bodies(seen), ['-1', '0', '1', '2', '3', '5', '99'])
  assert.equal(seen.length, 7, 'no message comes twice')
  let latest = 0
  for (const { body, bornTimestamp, storeTimestamp, properties, tags } of seen) {
    const level = Math.min(Number(body), LEVELS.length)
    const delayMs = level > 0 ? LEVELS[level - 1]! * 1000 : 0
    const tookMs = storeTimestamp - bornTimestamp
    assert.ok(tookMs >= delayMs, `level ${body} was delivered after ${tookMs} ms`)
    assert.ok(tookMs < delayMs + LATE_MS, `level ${body} was delivered after ${tookMs} ms`)
    // The first send makes the topic and may take its time.
    if (level > 1) latest = Math.max(latest, tookMs - delayMs)
    assert.equal(tags, 'tag')
    assert.equal(properties.mine, body)
    assert.equal(properties.KEYS, `key-${body}`)
    assert.equal(properties.DELAY, level > 0 ? String(level) : body)
    assert.equal(properties.REAL_QID !== undefined, level > 0)
  }
  note(`delivered at most ${latest} ms after its time`)
}

/** The third attempt succeeds; every attempt is the same message. */
async function retries(program: Program, prefix: string): Promise<void> {
  const seen = await program.until('retried', all => all.filter(({ attempt }) => attempt === 'succeeds').length >= 3)
  const sent = program.all('sent')
  for (const body of ['retry-0', 'retry-1', 'retry-2']) {
    const attempts = seen.filter(one => one.body === body)
    assert.deepEqual(
      attempts.map(({ reconsumeTimes, attempt }) => [reconsumeTimes, attempt]),
      [
        [0, 'fails'],
        [1, 'fails'],
        [2, 'succeeds'],
      ],
    )
    const [first, second, third] = attempts as [Seen, Seen, Seen]
    const { msgId } = sent.find(one => one.body === body)!
    for (const attempt of attempts) {
      assert.equal(attempt.msgId, msgId, 'the message keeps its id')
      assert.equal(attempt.topic, `${prefix}-retry`, 'the client shows the first topic')
      assert.equal(attempt.bornTimestamp, first.bornTimestamp)
      assert.equal(attempt.properties.mine, body)
      assert.equal(attempt.properties.KEYS, `key-${body}`)
      assert.equal(attempt.properties.UNIQ_KEY, msgId)
    }
    for (const attempt of [second, third]) {
      assert.equal(attempt.properties.RETRY_TOPIC, `${prefix}-retry`)
      assert.equal(attempt.properties.REAL_TOPIC, `%RETRY%${prefix}_retry`)
      assert.equal(attempt.properties.DELAY, String(2 + attempt.reconsumeTimes))
      assert.match(attempt.properties.ORIGIN_MESSAGE_ID ?? '', /^[0-9A-F]{32}$/)
    }
    assert.equal(third.properties.ORIGIN_MESSAGE_ID, second.properties.ORIGIN_MESSAGE_ID)
    assert.ok(second.storeTimestamp - first.atMs >= LEVELS[2]! * 1000 - 50, 'level 3 first')
    assert.ok(third.storeTimestamp - second.atMs >= LEVELS[3]! * 1000 - 50, 'then level 4')
  }
  // Exactly these, on both brokers.
  const last = seen.find(({ attempt }) => attempt === 'succeeds')!
  assert.deepEqual(Object.keys(last.properties).sort(), [
    'CLUSTER',
    'CONSUME_START_TIME',
    'DELAY',
    'KEYS',
    'MAX_OFFSET',
    'MIN_OFFSET',
    'MSG_REGION',
    'ORIGIN_MESSAGE_ID',
    'REAL_QID',
    'REAL_TOPIC',
    'RETRY_TOPIC',
    'TAGS',
    'TRACE_ON',
    'UNIQ_KEY',
    'WAIT',
    'mine',
  ])
}

/** Attempts used up, or given up at once: the message is in the group's dead letters, and can be read there. */
async function deadLetters(program: Program, prefix: string): Promise<void> {
  const dead = await program.until('dead', all =>
    ['hopeless', 'never'].every(body => all.some(one => one.body === body)),
  )
  const failed = program.all('failed')
  assert.deepEqual(
    failed.filter(({ body }) => body === 'hopeless').map(({ reconsumeTimes }) => reconsumeTimes),
    [0, 1],
  )
  assert.equal(failed.filter(({ body }) => body === 'never').length, 1)
  for (const [body, what, times] of [
    ['hopeless', 'dead', 2],
    ['never', 'never', 1],
  ] as const) {
    const letters = dead.filter(one => one.body === body)
    assert.equal(letters.length, 1, `dead letters of ${what}`)
    const [letter] = letters as [Seen]
    assert.equal(letter.topic, `%DLQ%${prefix}_${what}`)
    assert.equal(letter.reconsumeTimes, times)
    assert.equal(letter.msgId, failed.find(one => one.body === body)!.msgId)
    assert.equal(letter.properties.RETRY_TOPIC, `${prefix}-${what}`)
    assert.equal(letter.properties.DELAY, '0')
    assert.equal(letter.properties.mine, body)
  }
}

/** A message that fails in order is tried on the spot; then it is a dead letter, and the next one comes. */
async function inOrder(program: Program, prefix: string): Promise<void> {
  const seen = await program.until('ordered', all => all.some(({ body }) => body === 'last'))
  assert.deepEqual(
    seen.map(({ body, reconsumeTimes }) => [body, reconsumeTimes]),
    [
      ['first', 0],
      ['bad', 0],
      ['bad', 1],
      ['bad', 2],
      ['last', 0],
    ],
  )
  const [letter] = (await program.until('dead', all => all.some(({ body }) => body === 'bad'))).filter(
    ({ body }) => body === 'bad',
  )
  assert.equal(letter!.topic, `%DLQ%${prefix}_order`)
  assert.equal(letter!.properties.RETRY_TOPIC, `${prefix}-order`)
}

/** Whatever was acknowledged comes, not before its time, though the broker dies meanwhile; some of it may come twice. */
async function survivesKill(
  system: System,
  program: Program,
  prefix: string,
  note: (text: string) => void,
): Promise<void> {
  await program.until('sent', has(21))
  await program.until('restarted', all => all.some(({ attempt }) => attempt === 'fails'))
  await system.broker.kill()
  await system.broker.start()
  const expected = [...Array.from({ length: 20 }, (_, i) => `late-${i}`), 'fails once']
  const done = (all: readonly Seen[]) => bodies(all.filter(({ attempt }) => attempt === 'succeeds'))
  const seen = await program.until('restarted', all => done(all).length === expected.length)
  assert.deepEqual(done(seen), [...expected].sort())
  for (const { body, bornTimestamp, storeTimestamp } of seen) {
    if (!body.startsWith('late-')) continue
    const level = Number(body.slice(5)) % 2 === 0 ? 5 : 6
    const tookMs = storeTimestamp - bornTimestamp
    assert.ok(tookMs >= LEVELS[level - 1]! * 1000, `${body} was delivered after ${tookMs} ms`)
  }
  const copies = (await readTopic(system.nameServer, `${prefix}-restart`)).length
  note(`${copies - 21} of 20 delayed messages delivered twice`)
}

/** What cannot be is answered with Apache's code. */
async function illegalValues(system: System): Promise<void> {
  const wire = await Wire.open(system.broker.port)
  try {
    const topic = `e2e-illegal-${system.name}`
    const send = (properties: string, more: Readonly<Record<string, string>> = {}) =>
      wire.ask(sendTo(topic, 0, { i: properties, ...more }), Buffer.from('body'))
    const sendBack = (fields: Readonly<Record<string, string>>) =>
      wire.ask({
        code: 36,
        // Apache's broker stumbles over a dead letter without originTopic; every client names it.
        extFields: { group: 'e2e-illegal', originTopic: topic, delayLevel: '0', unitMode: 'false', ...fields },
      })
    const delay = (level: string) => `DELAY\u0001${level}\u0002`
    const answers = async (code: number, asked: Promise<Answer>, what: string) => {
      const answer = await asked
      assert.equal(answer.code, code, `${what}: ${answer.remark}`)
      return answer
    }
    const refused = async (asked: Promise<Answer>, what: string) => assert.notEqual((await asked).code, 0, what)

    await answers(0, send(''), 'no level')
    await answers(0, send(delay('7777')), 'above the last level: the last level')
    await answers(0, send(delay('-9')), 'a negative level')
    for (const level of ['x', '1.5', '99999999999']) await answers(1, send(delay(level)), `level ${level}`)
    await answers(16, wire.ask(sendTo('SCHEDULE_TOPIC_XXXX'), Buffer.from('body')), 'the topic of delayed messages')

    await answers(1, sendBack({ offset: '999999999' }), 'an offset behind the log')
    await answers(1, sendBack({ offset: '-1' }), 'an offset below the log')
    const { extFields } = await answers(0, send(''), 'a message to give back')
    const offset = String(Number.parseInt(extFields.msgId!.slice(-16), 16))
    await answers(0, sendBack({ offset }), 'a message given back')
    await answers(0, sendBack({ offset, delayLevel: '-5' }), 'a message given up')
    await answers(0, sendBack({ offset, delayLevel: '4000' }), 'a message given back for as long as can be')
    await answers(26, sendBack({ offset, group: 'no good!' }), 'a name that no group may have')
    await refused(sendBack({ offset: 'nowhere' }), 'an offset that is no number')
    await refused(wire.ask({ code: 36, extFields: { offset, group: 'e2e-illegal' } }), 'no level')
    const retry = (reconsumeTimes: string, max: string) =>
      wire.ask(sendTo('%RETRY%e2e-illegal', 0, { j: reconsumeTimes, l: max }), Buffer.from('body'))
    await answers(0, retry('3', '3'), 'as many attempts as allowed')
    await answers(0, retry('4', '3'), 'more attempts than allowed')
    const dead = await readTopic(system.nameServer, '%DLQ%e2e-illegal')
    assert.deepEqual(
      dead.map(({ message }) => message.reconsumeTimes),
      [1, 4],
    )
  } finally {
    wire.close()
  }
}
