/** Ways of consuming with the official Java client, by the same steps on our broker and on Apache's: the same outcome. */
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { Producer } from '@rocketcluster/client'
import { nodeWorld } from '@rocketcluster/world/node'
import { type Installation, installClient } from '../apache/index.ts'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import type { Options } from '../clients/client.ts'
import { type Program, startConsumption, type Task } from '../clients/consumption.ts'
import { failure, MqAdmin } from '../mqadmin.ts'
import { connected, silent } from '../reader.ts'
import { type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Scope, suite, type TestContext } from '../runner/suite.ts'

interface System {
  readonly name: 'RocketCluster' | 'Apache'
  readonly nameServer: string
  readonly broker: Server
}

/** A push consumer of Apache's broker may wait for 30 s at its start: SUBSCRIPTION_NOT_LATEST. */
const START_MS = 90_000
const CONF = { traceTopicEnable: true, storeReplyMessageEnable: true }

export default suite('consumption', ({ test, once }) => {
  const tool = once(scope => MqAdmin.start(scope))
  const ours = once(async scope => {
    const nameServer = await startOwnNameServer(scope)
    const broker = await startOwnBroker(scope, { nameServers: [nameServer.address], conf: CONF })
    return { name: 'RocketCluster', nameServer: nameServer.address, broker } satisfies System
  })
  const apache = once(async scope => {
    const nameServer = await startApacheNameServer(scope)
    const broker = await startApacheBroker(scope, { nameServers: [nameServer.address], conf: CONF })
    return { name: 'Apache', nameServer: nameServer.address, broker } satisfies System
  })
  const onBoth = async (run: (system: System) => Promise<void>) => {
    await Promise.all([run(await ours()), run(await apache())])
  }
  const patient = { timeoutMs: 240_000 }

  test(
    'where a new group begins: first, last, a time',
    context => onBoth(system => beginnings(context, system)),
    patient,
  )
  test(
    'broadcasting: every consumer gets everything',
    context => onBoth(system => broadcasting(context, system)),
    patient,
  )
  test(
    'members share the queues: one joins, one leaves, nothing is lost or consumed twice',
    context => onBoth(system => rebalances(context, system)),
    patient,
  )
  test(
    'offsets are reset: offline and online, by a time, before the first message and in the future',
    async context => {
      const mqadmin = await tool()
      await Promise.all([
        resets(context, mqadmin, await ours(), '5.5.0'),
        resets(context, mqadmin, await apache(), '5.5.0'),
        resets(context, mqadmin, await ours(), '4.9.8', await installClient()),
      ])
    },
    patient,
  )
  test(
    'request and reply; nobody who answers; a requester that is gone',
    context => onBoth(system => requestReply(context, system)),
    patient,
  )
  test(
    'traces of a producer and a consumer are found by mqadmin, in the system topic and in one of their own',
    async context => {
      const mqadmin = await tool()
      await onBoth(system => traces(context, mqadmin, system))
    },
    patient,
  )
})

const start = (scope: Scope, system: System, task: Task, options: Options, installation?: Installation) =>
  startConsumption(scope, task, { 'name-server': system.nameServer, ...options }, installation)

const makeTopic = ({ nameServer }: System, topic: string, queues: number) =>
  connected(nameServer, async ({ admin }) => {
    await admin.createTopic(topic, { readQueueNums: queues, writeQueueNums: queues })
    await admin.awaitTopic(topic)
  })

/** Messages "KEY SEQUENCE" as `Consumption.java` sends them, in turn to all queues. */
const send = (system: System, topic: string, first: number, count: number) =>
  connected(system.nameServer, async ({ client }) => {
    const producer = new Producer(nodeWorld({ log: silent }), { client, producerGroup: 'consumption_producers' })
    await producer.start()
    const queues = await producer.fetchPublishMessageQueues(topic)
    for (let n = first; n < first + count; n++)
      await producer.send({ topic, body: `${n % 8} ${n}`, tags: 'tag' }, { queue: queues[n % queues.length]! })
  })

const numbersOf = (program: Program) =>
  [...new Set(program.all('received').map(([, n]) => Number(n)))].sort((a, b) => a - b)
const range = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i)

async function receives(program: Program, expected: readonly number[], what: string): Promise<void> {
  await program.until(what, () => numbersOf(program).length >= expected.length, START_MS)
  // What comes too much comes at once.
  await sleep(300)
  assert.deepEqual(numbersOf(program), expected, what)
}

/** As the client wants it: local time, to the second. */
function timestamp(ms: number): string {
  const date = new Date(ms)
  const two = (n: number) => String(n).padStart(2, '0')
  return (
    `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}` +
    `${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`
  )
}

async function beginnings(context: TestContext, system: System): Promise<void> {
  const topic = `begin-${system.name}`
  await makeTopic(system, topic, 2)
  await send(system, topic, 0, 10)
  await sleep(2100)
  const betweenMs = Date.now() - 1000
  await send(system, topic, 10, 10)
  const from = async (place: string, group: string) => start(context, system, 'consume', { topic, group, from: place })
  const [first, time, last] = await Promise.all([
    from('first', `${topic}-first`),
    from(timestamp(betweenMs), `${topic}-time`),
    from('last', `${topic}-last`),
  ])
  // A topic that still has its first message is new to everybody: a broker of either make lets a new group begin there,
  // whatever the consumer asks for, lest it miss what was sent before it started.
  await Promise.all([
    receives(first, range(0, 20), `${system.name} from first`),
    receives(time, range(0, 20), `${system.name} from a time`),
    receives(last, range(0, 20), `${system.name} from last`),
  ])
  // A group that has been there before goes on where it was, whatever it asks for.
  await Promise.all([first.leave(), time.leave(), last.leave()])
  await send(system, topic, 20, 5)
  const again = await from('first', `${topic}-last`)
  await receives(again, range(20, 5), `${system.name} once more`)
  await again.leave()
}

async function broadcasting(context: TestContext, system: System): Promise<void> {
  const topic = `broadcast-${system.name}`
  await makeTopic(system, topic, 4)
  await send(system, topic, 0, 20)
  const options = { topic, group: `${topic}-group`, model: 'broadcasting', from: 'first' }
  const consumers = await Promise.all([
    start(context, system, 'consume', options),
    start(context, system, 'consume', options),
  ])
  for (const consumer of consumers)
    await consumer.until('it has started', () => consumer.all('started').length > 0, START_MS)
  await send(system, topic, 20, 20)
  for (const consumer of consumers)
    await consumer.until(
      'the new ones are there',
      () => range(20, 20).every(n => numbersOf(consumer).includes(n)),
      START_MS,
    )
  // The broker keeps no offsets of such a group.
  await connected(system.nameServer, async ({ admin }) => {
    const stats = await admin.consumeStats(options.group).catch(() => undefined)
    const committed = (stats?.offsets ?? []).filter(({ messageQueue }) => messageQueue.topic === topic)
    assert.deepEqual(
      committed.map(({ consumerOffset }) => consumerOffset).filter(offset => offset > 0),
      [],
      system.name,
    )
  })
  for (const consumer of consumers) await consumer.leave()
}

async function rebalances(context: TestContext, system: System): Promise<void> {
  const topic = `shared-${system.name}`
  await makeTopic(system, topic, 4)
  const options = { topic, group: `${topic}-group`, from: 'first' }
  const first = await start(context, system, 'consume', options)
  await first.until('it has started', () => first.all('started').length > 0, START_MS)
  await send(system, topic, 0, 16)
  await receives(first, range(0, 16), `${system.name}: one consumer`)
  const second = await start(context, system, 'consume', options)
  const both = () => [...new Set([...numbersOf(first), ...numbersOf(second)])].sort((a, b) => a - b)
  // It has its queues when messages come to it: told of the new member, the first gives two of its four away at once.
  let sent = 16
  for (let round = 0; round < 40 && second.all('received').length === 0; round++) {
    await send(system, topic, sent, 8)
    sent += 8
    await sleep(1000)
  }
  await second.until('all have come', () => both().length === sent, START_MS)
  const shares = (program: Program) =>
    new Set(
      program
        .all('received')
        .slice(-4)
        .map(([, , queueId]) => queueId),
    )
  await send(system, topic, sent, 16)
  sent += 16
  await second.until('all have come', () => both().length === sent, START_MS)
  assert.equal(shares(second).size, 2, `${system.name}: the second has ${[...shares(second)]}`)
  await first.leave()
  await send(system, topic, sent, 16)
  await second.until('the one that is left has all queues', () => numbersOf(second).includes(sent + 15), START_MS)
  await second.until('all have come', () => both().length === sent + 16, START_MS)
  await second.leave()
  const twice = first.all('received').length + second.all('received').length - both().length
  context.note(`${system.name}: ${twice} of ${both().length} messages were consumed twice`)
}

async function resets(
  context: TestContext,
  mqadmin: MqAdmin,
  system: System,
  version: string,
  installation?: Installation,
): Promise<void> {
  const topic = `reset-${version.replaceAll('.', '-')}-${system.name}`
  const group = `${topic}-group`
  const what = (step: string) => `${system.name}, client ${version}: ${step}`
  await makeTopic(system, topic, 2)
  await send(system, topic, 0, 10)
  await sleep(1200)
  const betweenMs = Date.now()
  await sleep(300)
  await send(system, topic, 10, 10)
  const reset = async (to: string | number) => {
    const command = [
      'resetOffsetByTime',
      '-n',
      system.nameServer,
      '-g',
      group,
      '-t',
      topic,
      '-s',
      String(to),
      '-f',
      'true',
    ]
    let output = await mqadmin.run(...command)
    // A busy machine: the tool waits for 5 s.
    for (let i = 0; i < 3 && output.includes('RemotingTimeoutException'); i++) output = await mqadmin.run(...command)
    assert.equal(failure(output), undefined, `${what(`reset to ${to}`)}: ${output}`)
  }
  const consumer = () => start(context, system, 'consume', { topic, group, from: 'first' }, installation)

  let program = await consumer()
  await receives(program, range(0, 20), what('the first time'))
  await program.leave()
  // Offline, to a time.
  await reset(betweenMs)
  program = await consumer()
  await receives(program, range(10, 10), what('offline, to a time'))
  // Online, to before the first message: all of it again. Apache's broker still holds the pulls of the consumer that has
  // left; when their 15 s are over (it looks every 5 s) the first of them takes the reset with it, and the consumer that is
  // there never hears of it. Ours forgets what a closed connection asked for.
  if (system.name === 'Apache') await sleep(21_000)
  await reset(1000)
  await program.until(what('online, to the beginning'), () => numbersOf(program).length === 20, START_MS)
  await program.until(
    what('the later ones once more'),
    () => range(10, 10).every(n => program.all('received').filter(([, m]) => Number(m) === n).length >= 2),
    START_MS,
  )
  await program.leave()
  // Offline again, to the beginning and then to the future: the last word counts, and that is the end.
  await reset(1000)
  await reset(Date.now() + 3_600_000)
  await send(system, topic, 20, 4)
  program = await consumer()
  await receives(program, range(20, 4), what('offline, to the future'))
  await program.leave()
  // A group and a topic that are not there.
  const nobody = await mqadmin.run(
    'resetOffsetByTime',
    ...['-n', system.nameServer, '-g', 'no-such-group', '-t', topic, '-s', 'now', '-f', 'true'],
  )
  assert.ok(failure(nobody) !== undefined, what(`a group that is not there: ${nobody}`))
}

async function requestReply(context: TestContext, system: System): Promise<void> {
  const topic = `asked-${system.name}`
  const group = `${topic}-group`
  await makeTopic(system, topic, 1)
  const responder = await start(context, system, 'reply', { topic, group, 'producer-group': 'repliers' })
  await responder.until('it has started', () => responder.all('started').length > 0, START_MS)
  // The first request may wait until the consumer reads.
  const asker = await start(context, system, 'ask', {
    topic,
    'producer-group': 'askers',
    count: 20,
    'timeout-ms': 60_000,
  })
  await asker.finished()
  assert.deepEqual(
    asker.all('reply').map(words => words.join(' ')),
    range(0, 20).map(n => `${n} re:${n}`),
    system.name,
  )
  await responder.until('all are answered', () => responder.all('replied').length === 20, 10_000)
  assert.deepEqual([...new Set(responder.all('replied').map(([, status]) => status))], ['SEND_OK'], system.name)
  await responder.leave()

  // Nobody answers in time, and when somebody does, who asked is gone: the broker tells who answers.
  const inVain = await start(context, system, 'ask', {
    topic,
    'producer-group': 'askers',
    count: 1,
    'timeout-ms': 1000,
  })
  await inVain.finished()
  assert.deepEqual(inVain.all('no-reply'), [['0', 'RequestTimeoutException']], system.name)
  const late = await start(context, system, 'reply', { topic, group, 'producer-group': 'repliers' })
  await late.until('the late answer', () => late.all('not-replied').length > 0, START_MS)
  const [[, code, ...words]] = late.all('not-replied') as [string[]]
  assert.equal(code, '1', `${system.name}: ${words.join(' ')}`)
  assert.match(words.join(' '), /channel of <.*> not found/, system.name)
  await late.leave()
}

const ATTEMPTS_TO_TRACE = 4

async function traces(context: TestContext, mqadmin: MqAdmin, system: System): Promise<void> {
  const topic = `traced-${system.name}`
  await makeTopic(system, topic, 1)
  await Promise.all(
    (['default', `own-trace-${system.name}`] as const).map(async trace => {
      const traceTopic = trace === 'default' ? 'RMQ_SYS_TRACE_TOPIC' : trace
      const group = `${topic}-${trace}`
      if (trace !== 'default') await makeTopic(system, trace, 1)
      const consumer = await start(context, system, 'consume', { topic, group, trace })
      await consumer.until('it has started', () => consumer.all('started').length > 0, START_MS)
      const options = { topic, 'producer-group': `${trace}-producers`, trace, count: 1, 'linger-ms': 3000 }
      let output = ''
      const isWhole = () => /^Pub\b.*success/m.test(output) && output.includes(group)
      // The client traces as well as it can: a batch of traces that it could not send at once is dropped.
      for (let attempt = 1; attempt <= ATTEMPTS_TO_TRACE && !isWhole(); attempt++) {
        const sent = await (await start(context, system, 'send', options)).finished()
        const [[, , msgId]] = sent.all('sent') as [string[]]
        await consumer.until('the message has come', () => consumer.all('received').length >= attempt, START_MS)
        // Traces go in batches, half a second or so after what they tell of, and are indexed then.
        for (let i = 0; i < 12 && !isWhole(); i++) {
          await sleep(500)
          output = await mqadmin.run('queryMsgTraceById', '-n', system.nameServer, '-i', msgId!, '-t', traceTopic)
        }
        if (!isWhole()) context.note(`${system.name}, ${traceTopic}: message ${attempt} was not traced whole`)
      }
      assert.ok(isWhole(), `${system.name}, ${traceTopic}: ${output}`)
      await consumer.leave()
    }),
  )
}
