/** Messages for any moment, and their recall, with the official Java client: the same outcome on our broker and on Apache's. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freeBrokerPort, installApache } from '../apache/index.ts'
import { apacheBroker, startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { javaCommand } from '../clients/java.ts'
import { connected } from '../reader.ts'
import { newDirectory, ownBroker, type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Child, startChild } from '../runner/children.ts'
import { type Scope, suite, type TestContext } from '../runner/suite.ts'

interface System {
  readonly name: 'RocketCluster' | 'Apache'
  readonly nameServer: string
  readonly broker: Server
}

/** Apache's default forbids recalls. Both fail alike for what is further away than a day. */
const CONF = { recallMessageEnable: true, timerMaxDelaySec: 86_400 }
const PATIENCE_MS = 60_000
/** A busy machine adds its own to the second that a slot takes. What it was is printed. */
const LATE_MS = 5000

const ILLEGAL_OPERATION = 604
const MESSAGE_ILLEGAL = 13
const TOPIC_NOT_EXIST = 17

interface Received {
  readonly storedMs: number
  readonly rolled: boolean
  readonly queueOffset: number
}

/** TimerClient.java at work on a topic of its own. */
class Client {
  readonly topic: string
  readonly #child: Child

  constructor(topic: string, child: Child) {
    this.topic = topic
    this.#child = child
  }

  do(line: string): void {
    this.#child.write(`${line}\n`)
  }

  #line(start: string): string | undefined {
    return this.#child.lines.find(line => line.startsWith(`${start} `))
  }

  /** Sends a message that is due so many milliseconds from now; resolves with when that is, and its handle. */
  async sendIn(
    body: string,
    delayMs: number,
    property = 'TIMER_DELIVER_MS',
  ): Promise<{ dueMs: number; handle: string }> {
    this.do(`in ${body} ${property} ${delayMs}`)
    const [, , sentMs, handle] = await this.until(`sent ${body}`)
    return { dueMs: Number(sentMs) + delayMs, handle: handle! }
  }

  /** What comes of a command that is to fail: the code and the text of the answer. */
  async failure(body: string, command: string): Promise<{ code: number; text: string }> {
    this.do(command)
    const [, , code, ...text] = await this.until(`failed ${body}`)
    return { code: Number(code), text: text.join(' ') }
  }

  async until(start: string): Promise<string[]> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const line = this.#line(start)
      if (line !== undefined) return line.split(' ')
      if (this.#child.end !== undefined || performance.now() > deadline)
        throw new Error(`no "${start}" came; the client printed ${this.#child.lines.slice(-8).join('\n')}`)
      await sleep(50)
    }
  }

  async received(body: string): Promise<Received> {
    const [, , storedMs, rolled, queueOffset] = await this.until(`received ${body}`)
    return { storedMs: Number(storedMs), rolled: rolled !== 'null', queueOffset: Number(queueOffset) }
  }

  has(start: string): boolean {
    return this.#line(start) !== undefined
  }

  async stop(): Promise<void> {
    await this.#child.stop()
  }
}

let serial = 0

async function startClient(scope: Scope, nameServer: string): Promise<Client> {
  const topic = `e2e-timer-${++serial}`
  await connected(nameServer, async ({ admin }) => {
    await admin.createTopic(topic, { readQueueNums: 1, writeQueueNums: 1 })
    await admin.awaitTopic(topic)
  })
  const { command, args } = await javaCommand('TimerClient', await installApache())
  const child = startChild({
    name: `timer-client-${serial}`,
    command,
    args: [...args, '--name-server', nameServer, '--topic', topic],
  })
  scope.defer(() => child.kill())
  return new Client(topic, child)
}

export default suite('timer', ({ test, once }) => {
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
    test(
      `each property, the order of due times, recall and limits on ${name}`,
      async context => behaves(context, await system()),
      {
        timeoutMs: 180_000,
      },
    )
    test(
      `what waits survives SIGTERM and kill -9 of ${name}’s broker`,
      async context => survives(context, await system()),
      {
        timeoutMs: 180_000,
      },
    )
  }
  test('what waits goes over from Apache’s broker to ours and back', wanders, { timeoutMs: 150_000 })
})

/** Not early, and late by no more than its slot and what the machine adds; returns by how much. */
function assertInTime(body: string, dueMs: number, { storedMs }: Received): number {
  assert.ok(storedMs >= dueMs, `${body} was stored ${dueMs - storedMs} ms before its time`)
  assert.ok(storedMs - dueMs < LATE_MS, `${body} was stored ${storedMs - dueMs} ms late`)
  return storedMs - dueMs
}

async function behaves(context: TestContext, { nameServer, name }: System): Promise<void> {
  const client = await startClient(context, nameServer)
  // Sent in another order than they are due.
  const plan = [
    ['sec', 'TIMER_DELAY_SEC', 4000],
    ['ms', 'TIMER_DELAY_MS', 2500],
    ['at', 'TIMER_DELIVER_MS', 6500],
    ['early', 'TIMER_DELIVER_MS', 1200],
  ] as const
  const due = new Map<string, number>()
  for (const [body, property, delayMs] of plan) due.set(body, (await client.sendIn(body, delayMs, property)).dueMs)
  const recalled = await client.sendIn('recalled', 8000)
  const kept = await client.sendIn('kept', 8000)
  client.do(`recall recalled ${recalled.handle} ${client.topic}`)
  await Promise.all([client.until('recalled recalled'), limits(client, recalled.handle)])

  const late: number[] = []
  for (const [body, dueMs] of due) late.push(assertInTime(body, dueMs, await client.received(body)))
  late.push(assertInTime('kept', kept.dueMs, await client.received('kept')))
  const order = await Promise.all(['early', 'ms', 'sec', 'at', 'kept'].map(body => client.received(body)))
  const offsets = order.map(({ queueOffset }) => queueOffset)
  assert.deepEqual(
    offsets,
    [...offsets].sort((a, b) => a - b),
    'they came in another order than that of their times',
  )
  // Its slot has passed: it will not come any more.
  await sleep(2500)
  assert.ok(!client.has('received recalled'), 'a message came that had been recalled')
  const tooLate = await client.failure('over', `recall over ${kept.handle} ${client.topic}`)
  assert.equal(tooLate.code, ILLEGAL_OPERATION, tooLate.text)
  context.note(`${name}: late by ${Math.min(...late)} to ${Math.max(...late)} ms`)
  await client.stop()
}

/** What is refused, and what is delivered at once. */
async function limits(client: Client, handle: string): Promise<void> {
  const { topic } = client
  const far = await client.failure('far', `send far TIMER_DELAY_SEC ${86_400 * 2}`)
  assert.equal(far.code, MESSAGE_ILLEGAL, far.text)
  const soon = await client.failure('soon', 'send soon TIMER_DELIVER_MS soon')
  assert.equal(soon.code, MESSAGE_ILLEGAL, soon.text)
  client.do('send past TIMER_DELIVER_MS 1000')
  const [, , sentMs, pastHandle] = await client.until('sent past')
  assert.equal(pastHandle, 'null')
  assertInTime('past', Number(sentMs), await client.received('past'))

  const decoded = Buffer.from(handle, 'base64url').toString().split(' ')
  const changed = (at: number, value: string) => {
    const buffer = Buffer.from(decoded.with(at, value).join(' ')).toString('base64')
    return buffer.replaceAll('+', '-').replaceAll('/', '_')
  }
  for (const [body, line, code] of [
    ['unknown', `recall unknown ${handle} e2e-timer-no-such-topic`, TOPIC_NOT_EXIST],
    ['foreign', `recall foreign ${changed(2, 'broker-z')} ${topic}`, undefined],
    ['other', `recall other ${changed(1, 'TBW102')} ${topic}`, ILLEGAL_OPERATION],
    ['when', `recall when ${changed(3, 'now')} ${topic}`, ILLEGAL_OPERATION],
  ] as const) {
    const failure = await client.failure(body, line)
    // The client itself refuses a broker or a topic that no name server knows.
    if (code !== undefined && failure.code !== -1) assert.equal(failure.code, code, `${body}: ${failure.text}`)
  }
}

async function survives(context: TestContext, { nameServer, broker, name }: System): Promise<void> {
  const client = await startClient(context, nameServer)
  const due = new Map<string, number>()
  const send = async (round: string) => {
    for (let i = 0; i < 10; i++) due.set(`${round}${i}`, (await client.sendIn(`${round}${i}`, 2500 + i * 700)).dueMs)
  }
  await send('term')
  const recalled = await client.sendIn('recalled', 9000)
  client.do(`recall recalled ${recalled.handle} ${client.topic}`)
  await client.until('recalled recalled')
  await client.received('term1')
  await broker.stop()
  await broker.start()
  for (const body of due.keys()) await client.received(body)
  await send('kill')
  await client.received('kill1')
  await broker.kill()
  await broker.start()
  const restartedMs = Date.now()
  for (const [body, dueMs] of due) {
    const received = await client.received(body)
    assert.ok(received.storedMs >= dueMs, `${body} was stored ${dueMs - received.storedMs} ms before its time`)
  }
  await sleep(Math.max(0, recalled.dueMs + 2500 - Date.now()))
  assert.ok(!client.has('received recalled'), 'a message came that had been recalled')
  context.note(`${name}: all of ${due.size} were there ${Date.now() - restartedMs} ms after the kill`)
  await client.stop()
}

/** One store directory: wheel, timer log and checkpoint are written by one broker and read by the other. */
async function wanders(context: TestContext): Promise<void> {
  const { address: nameServer } = await startOwnNameServer(context)
  const directory = await newDirectory('timer')
  const store = join(directory, 'store')
  const paths = { storePathRootDir: store, storePathCommitLog: join(store, 'commitlog') }
  const small = {
    mappedFileSizeCommitLog: 1 << 20,
    mappedFileSizeConsumeQueue: 6000,
    mappedFileSizeTimerLog: 5200,
    maxMessageSize: 65_536,
    maxHashSlotNum: 1000,
    maxIndexNum: 4000,
  }
  const common = { nameServers: [nameServer], port: await freeBrokerPort(), conf: { ...CONF, ...small, ...paths } }
  const apache = await apacheBroker(context, { ...common, dataDir: join(directory, 'apache') })
  const ours = await ownBroker({ ...common, dataDir: join(directory, 'ours') })
  context.defer(() => ours.kill().catch(() => {}))
  await apache.start()
  const client = await startClient(context, nameServer)
  const due = new Map<string, number>()
  for (const [turn, [from, to]] of [
    [apache, ours],
    [ours, apache],
  ].entries() as ArrayIterator<[number, [Server, Server]]>) {
    for (let i = 0; i < 60; i++) {
      const body = `m${turn}-${i}`
      due.set(body, (await client.sendIn(body, 5000 + i * 200)).dueMs)
    }
    const { handle } = await client.sendIn(`gone${turn}`, 17_000)
    client.do(`recall gone${turn} ${handle} ${client.topic}`)
    await client.until(`recalled gone${turn}`)
    // Once cleanly, once not: both have to find their way.
    await sleep(2000)
    if (turn === 0) await from.stop()
    else await from.kill()
    await to.start()
    for (const [body, dueMs] of due) {
      const { storedMs } = await client.received(body)
      assert.ok(storedMs >= dueMs, `${body} was stored ${dueMs - storedMs} ms before its time`)
    }
    await sleep(4000)
    assert.ok(!client.has(`received gone${turn}`), 'a message came that had been recalled')
  }
  await client.stop()
}
