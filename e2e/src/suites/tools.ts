/** mqadmin, Apache's own tool, against ours: the same commands against Apache's broker, the same answers where they can be the same. */
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { runToEnd } from '../clients/client.ts'
import { java } from '../clients/java.ts'
import { failure, MqAdmin } from '../mqadmin.ts'
import { connected, readTopic } from '../reader.ts'
import { type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { suite, type TestContext } from '../runner/suite.ts'

interface System {
  readonly nameServer: string
  readonly broker: Server
}

const TOPIC = 'tools'
const GROUP = 'tools-group'

export default suite('tools', ({ test, once }) => {
  const mqadmin = once(scope => MqAdmin.start(scope))
  const ours = once(async scope => {
    const nameServer = await startOwnNameServer(scope)
    const broker = await startOwnBroker(scope, { nameServers: [nameServer.address] })
    return fill({ nameServer: nameServer.address, broker })
  })
  const apache = once(async scope => {
    const nameServer = await startApacheNameServer(scope)
    const broker = await startApacheBroker(scope, { nameServers: [nameServer.address] })
    return fill({ nameServer: nameServer.address, broker })
  })

  test(
    'mqadmin: the same commands do the same on ours and on Apache',
    async context => same(context, await mqadmin(), await ours(), await apache()),
    {
      timeoutMs: 180_000,
    },
  )
  test('mqadmin queryMsgById, ByKey, ByOffset and ByUniqueKey find the message', async () =>
    queries(await mqadmin(), await ours()))
  test('mqadmin: what our broker does not serve yet', async context =>
    notServed(context, await mqadmin(), await ours()))
  test('an Apache broker registers with our name server and serves clients', async context => {
    const nameServer = await startOwnNameServer(context)
    const broker = await startApacheBroker(context, { nameServers: [nameServer.address] })
    await roundTrip(nameServer.address)
    await broker.stop()
    await gone(nameServer.address)
  })
  test('our broker registers with Apache’s name server and serves clients', async context => {
    const nameServer = await startApacheNameServer(context)
    const broker = await startOwnBroker(context, { nameServers: [nameServer.address] })
    await roundTrip(nameServer.address)
    await broker.stop()
    await gone(nameServer.address)
  })
})

/** Twenty messages by the Java client, and a group that has read them all. */
async function fill(system: System): Promise<System> {
  await connected(system.nameServer, async ({ admin }) => {
    await admin.createTopic(TOPIC, { readQueueNums: 2, writeQueueNums: 2 })
    await admin.awaitTopic(TOPIC)
    await admin.createSubscriptionGroup({ groupName: GROUP }, { brokerAddress: system.broker.address })
  })
  const where = { 'name-server': system.nameServer, topic: TOPIC }
  await runToEnd(java, 'send', { ...where, count: 20 })
  await runToEnd(java, 'pull', { ...where, group: GROUP })
  // The client sends offsets one-way.
  await sleep(500)
  return system
}

async function roundTrip(nameServer: string): Promise<void> {
  const where = { 'name-server': nameServer, topic: 'mixed' }
  const sent = await runToEnd(java, 'send', { ...where, count: 10 })
  assert.equal(sent.sent.length, 10)
  const pulled = await runToEnd(java, 'pull', where)
  assert.equal(new Set(pulled.received.map(({ n }) => n)).size, 10)
  const pushed = await runToEnd(java, 'push', { ...where, expect: 10, seconds: 90 })
  assert.equal(new Set(pushed.received.map(({ n }) => n)).size, 10)
}

/** A broker that stops says goodbye: nobody waits two minutes for its silence. */
async function gone(nameServer: string): Promise<void> {
  await connected(nameServer, async ({ admin }) => {
    for (let i = 0; i < 50; i++) {
      if ((await admin.clusterInfo()).brokerAddrTable.size === 0) return
      await sleep(100)
    }
    assert.fail('the name server still names a broker that has stopped')
  })
}

/** What differs between any two brokers: addresses, times, versions, rates, sizes. */
function normal(output: string, { nameServer, broker }: System): string {
  return output
    .replaceAll(broker.address, 'BROKER')
    .replaceAll(nameServer, 'NAMESERVER')
    .replaceAll(String(broker.port), 'PORT')
    .replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d([,.]\d+)?/g, 'TIME')
    .replace(/V\d_\d_\d\w*/g, 'VERSION')
    .replace(/\d+\.\d+(E-?\d+)?/g, 'NUMBER')
    .replace(/[ \t]+/g, ' ')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .join('\n')
}

/** System topics differ by what is built in. Everything of the user's has to be the same. */
const isOfUser = (line: string) =>
  !/^(%|RMQ_|SCHEDULE_|TBW102|OFFSET_MOVED|SELF_TEST|BenchmarkTest|DefaultCluster|broker-a|rmq_|CID_|TRANS_CHECK|CLUSTER_TRANS)/.test(
    line,
  )

interface Command {
  readonly args: (system: System) => readonly string[]
  /** The part of the output to be compared; none where only success counts. */
  readonly compare?: (output: string) => unknown
}

/** fastjson leaves out the quotes around keys that are numbers. */
const quoteNumbers = (json: string) => json.replace(/([{,]\s*)(\d+):/g, '$1"$2":')
const lines = (pattern: RegExp) => (output: string) =>
  output
    .split('\n')
    .filter(line => pattern.test(line))
    .sort()
/** The number of topics at the end counts system topics too. */
const count = (pattern: RegExp) => (output: string) => lines(pattern)(output).map(line => line.replace(/\d+$/, ''))
const all = (output: string) => output.split('\n').filter(isOfUser)
const n = (system: System) => ['-n', system.nameServer] as const
const b = (system: System) => ['-b', system.broker.address] as const

const COMMANDS: readonly Command[] = [
  {
    args: s => ['clusterList', ...n(s)],
    compare: output =>
      output
        .split('\n')
        .filter(line => line.includes('BROKER'))
        .map(line => line.split(' ').slice(0, 5)),
  },
  { args: s => ['topicList', ...n(s)], compare: output => all(output).sort() },
  {
    args: s => ['topicRoute', ...n(s), '-t', TOPIC],
    compare: output => JSON.parse(quoteNumbers(output)),
  },
  {
    args: s => ['topicRoute', ...n(s), '-t', 'no-such-topic'],
    compare: output =>
      lines(/CODE: |Exception/)(output)
        .map(line => line.replace(/^.*?(CODE: \d+).*$/, '$1'))
        .filter(line => line.startsWith('CODE')),
  },
  { args: s => ['topicStatus', ...n(s), '-t', TOPIC], compare: lines(/^broker-a/) },
  { args: s => ['topicClusterList', ...n(s), '-t', TOPIC], compare: output => output },
  {
    args: s => [
      'updateTopic',
      ...n(s),
      '-c',
      'DefaultCluster',
      '-t',
      'made-by-cluster',
      '-r',
      '3',
      '-w',
      '5',
      '-p',
      '6',
    ],
    compare: lines(/create topic|TopicConfig/),
  },
  {
    args: s => [
      'updateTopic',
      ...n(s),
      ...b(s),
      '-t',
      'made-by-broker',
      '-r',
      '1',
      '-w',
      '1',
      '-a',
      '+message.type=FIFO',
    ],
    compare: lines(/create topic|TopicConfig/),
  },
  {
    args: s => ['updateTopicPerm', ...n(s), '-c', 'DefaultCluster', '-t', 'made-by-cluster', '-p', '4'],
    compare: lines(/update topic perm/),
  },
  {
    args: s => ['topicList', ...n(s), '-c'],
    compare: output =>
      all(output)
        .filter(line => line.includes('made-by'))
        .sort(),
  },
  {
    args: s => ['topicRoute', ...n(s), '-t', 'made-by-cluster'],
    compare: output => JSON.parse(quoteNumbers(output)).queueDatas,
  },
  {
    args: s => ['updateTopic', ...n(s), ...b(s), '-t', 'not allowed'],
    compare: output => /illegal|character/i.test(output),
  },
  {
    args: s => ['updateSubGroup', ...n(s), ...b(s), '-g', 'made-group', '-s', 'true', '-r', '5', '-q', '2'],
    compare: lines(/create subscription group/),
  },
  {
    args: s => ['getConsumerConfig', ...n(s), '-g', 'made-group'],
    compare: lines(/retryMaxTimes|retryQueueNums|consumeEnable|groupName/),
  },
  { args: s => ['deleteSubGroup', ...n(s), ...b(s), '-g', 'made-group'], compare: lines(/delete subscription group/) },
  {
    args: s => ['consumerProgress', ...n(s), '-g', GROUP],
    compare: output =>
      lines(/^tools |^(Consume TPS|Diff Total|Consume Diff)/)(output).map(line => line.split(' ').slice(0, 6)),
  },
  { args: s => ['consumerProgress', ...n(s)], compare: output => output.includes(GROUP) },
  { args: s => ['brokerStatus', ...n(s), ...b(s)] },
  {
    args: s => ['getBrokerConfig', ...n(s), ...b(s)],
    compare: lines(
      /^(brokerName|brokerId|brokerClusterName|listenPort|autoCreateTopicEnable|flushDiskType|maxTransferCountOnMessageInMemory) /,
    ),
  },
  {
    args: s => ['updateBrokerConfig', ...n(s), ...b(s), '-k', 'maxTransferCountOnMessageInMemory', '-v', '48'],
    compare: lines(/success/),
  },
  { args: s => ['getBrokerConfig', ...n(s), ...b(s)], compare: lines(/^maxTransferCountOnMessageInMemory /) },
  {
    args: s => ['producerConnection', ...n(s), '-g', 'nobody', '-t', TOPIC],
    compare: output => failure(output) !== undefined,
  },
  { args: s => ['consumerConnection', ...n(s), '-g', GROUP], compare: output => /CODE: 206/.test(output) },
  { args: s => ['producer', ...b(s)] },
  { args: s => ['statsAll', ...n(s), '-t', TOPIC] },
  {
    args: s => ['resetOffsetByTime', ...n(s), '-g', GROUP, '-t', TOPIC, '-s', '0', '-f', 'true'],
    compare: output => failure(output) !== undefined,
  },
  {
    args: s => ['consumerProgress', ...n(s), '-g', GROUP],
    compare: output => lines(/^tools /)(output).map(line => line.split(' ').slice(0, 6)),
  },
  // The command commits offsets for it, and a commit makes no group.
  { args: s => ['updateSubGroup', ...n(s), ...b(s), '-g', 'cloned-group'] },
  { args: s => ['cloneGroupOffset', ...n(s), '-s', GROUP, '-d', 'cloned-group', '-t', TOPIC], compare: lines(/clone/) },
  {
    args: s => ['brokerConsumeStats', ...n(s), ...b(s)],
    compare: output => lines(new RegExp(`^(${TOPIC} |Diff Total)`))(output).map(line => line.split(' ').slice(0, 7)),
  },
  {
    args: s => ['queryCq', ...n(s), '-t', TOPIC, '-q', '0', '-i', '0', '-c', '3', ...b(s)],
    // The entries' places in the log differ: what a record takes there depends on the broker's own properties.
    compare: output => [...output.matchAll(/(min|max)[^\d]*(\d+)/gi)].map(([, which, value]) => [which, value]),
  },
  {
    args: s => ['queryCq', ...n(s), '-t', TOPIC, '-q', '7', '-i', '0', '-c', '3', ...b(s)],
    compare: output => /7@tools is not exist/.test(output),
  },
  { args: s => ['cleanExpiredCQ', ...n(s), ...b(s)], compare: lines(/success|failed/) },
  { args: s => ['cleanUnusedTopic', ...n(s), ...b(s)], compare: lines(/success|failed/) },
  { args: s => ['getColdDataFlowCtrInfo', ...n(s), ...b(s)], compare: output => failure(output) === undefined },
  { args: s => ['consumerStatus', ...n(s), '-g', GROUP], compare: output => failure(output)?.slice(0, 40) },
  { args: s => ['statsAll', ...n(s)], compare: output => output.includes(TOPIC) },
  {
    args: s => ['skipAccumulatedMessage', ...n(s), '-g', GROUP, '-t', TOPIC, '-f', 'true'],
    compare: lines(/brokerName|broker-a/),
  },
  {
    args: s => ['getNamesrvConfig', ...n(s)],
    compare: lines(/^(clusterTest|orderMessageEnable|returnOrderTopicConfigToBroker) /),
  },
  { args: s => ['updateKvConfig', ...n(s), '-s', 'TOOLS', '-k', 'key', '-v', 'value'], compare: lines(/success/) },
  { args: s => ['deleteKvConfig', ...n(s), '-s', 'TOOLS', '-k', 'key'], compare: lines(/success/) },
  { args: s => ['wipeWritePerm', ...n(s), '-b', 'broker-a'], compare: count(/wipe write perm/) },
  { args: s => ['addWritePerm', ...n(s), '-b', 'broker-a'], compare: count(/add write perm/) },
  { args: s => ['allocateMQ', ...n(s), '-t', TOPIC, '-i', '10.0.0.1'], compare: output => output },
  {
    args: s => ['deleteTopic', ...n(s), '-c', 'DefaultCluster', '-t', 'made-by-broker'],
    compare: lines(/delete topic/),
  },
  {
    args: s => ['topicList', ...n(s)],
    compare: output =>
      all(output)
        .filter(line => line.includes('made-by'))
        .sort(),
  },
]

async function same(context: TestContext, mqadmin: MqAdmin, ours: System, apache: System): Promise<void> {
  const second = await MqAdmin.start(context)
  const differences: string[] = []
  for (const { args, compare } of COMMANDS) {
    const [mine, theirs] = await Promise.all([mqadmin.run(...args(ours)), second.run(...args(apache))])
    const name = args(ours)
      .filter(arg => arg !== '-n' && arg !== ours.nameServer)
      .join(' ')
      .replaceAll(ours.broker.address, 'BROKER')
    const [failed, failedThere] = [failure(mine), failure(theirs)]
    if (failed && !failedThere) {
      differences.push(`${name}: fails on ours: ${failed}`)
      continue
    }
    if (!compare) continue
    const view = (output: string, system: System) => {
      try {
        return compare(normal(output, system))
      } catch (error) {
        return `${(error as Error).message} in ${output.slice(0, 300)}`
      }
    }
    const [a, z] = [view(mine, ours), view(theirs, apache)]
    try {
      assert.deepEqual(a, z)
    } catch {
      differences.push(
        `${name}:\n  ours   ${JSON.stringify(a).slice(0, 700)}\n  Apache ${JSON.stringify(z).slice(0, 700)}`,
      )
    }
  }
  context.note(`${COMMANDS.length} commands on each`)
  // Apache takes any value and falls back in silence; ours says what is wrong and changes nothing.
  const refused = await mqadmin.run('updateBrokerConfig', ...n(ours), ...b(ours), '-k', 'maxMessageSize', '-v', 'abc')
  assert.match(refused, /maxMessageSize.*abc/, refused)
  assert.equal(differences.length, 0, `${differences.length} commands differ:\n${differences.join('\n')}`)
}

async function queries(mqadmin: MqAdmin, system: System): Promise<void> {
  const [message] = (await readTopic(system.nameServer, TOPIC)).filter(({ n: number }) => number === 7)
  assert.ok(message)
  const { offsetMsgId, msgId } = message.message
  const where = [...n(system), '-t', TOPIC] as const
  const byId = await mqadmin.run('queryMsgById', ...where, '-i', offsetMsgId)
  assert.match(byId, new RegExp(`Queue Offset:\\s+${message.queueOffset}`), byId)
  assert.match(byId, new RegExp(`Queue ID:\\s+${message.queueId}`), byId)
  assert.match(byId, /Tags:\s+\[?odd/, byId)
  const byKey = await mqadmin.run('queryMsgByKey', ...where, '-k', 'key-7')
  assert.ok(byKey.includes(msgId), byKey)
  const byOffset = await mqadmin.run(
    'queryMsgByOffset',
    ...where,
    '-b',
    'broker-a',
    '-i',
    String(message.queueId),
    '-o',
    String(message.queueOffset),
  )
  assert.ok(byOffset.includes(msgId) || byOffset.includes(offsetMsgId), byOffset)
  const byUniqueKey = await mqadmin.run('queryMsgByUniqueKey', ...where, '-i', msgId)
  assert.match(byUniqueKey, new RegExp(`Queue Offset:\\s+${message.queueOffset}`), byUniqueKey)
  const nothing = await mqadmin.run('queryMsgByKey', ...where, '-k', 'no-such-key')
  assert.ok(!nothing.includes(msgId), nothing)
}

/** Asked and listed, so that nobody takes silence for service. Whatever is served by then drops out of the list by itself. */
async function notServed(context: TestContext, mqadmin: MqAdmin, system: System): Promise<void> {
  const commands: readonly (readonly string[])[] = [
    ['haStatus', ...n(system), ...b(system)],
    ['getBrokerEpoch', ...n(system), '-b', 'broker-a'],
    ['listUser', ...n(system), ...b(system)],
    ['listAcl', ...n(system), ...b(system)],
    ['setConsumeMode', ...n(system), ...b(system), '-t', TOPIC, '-g', GROUP, '-m', 'PULL', '-q', '0'],
    ['updateStaticTopic', ...n(system), '-t', 'static-topic', '-qn', '4', ...b(system)],
    ['exportMetadata', ...n(system), '-c', 'DefaultCluster', '-f', await context.directory()],
    ['consumeMessage', ...n(system), '-t', TOPIC, '-c', '3'],
    ['sendMessage', ...n(system), '-t', TOPIC, '-p', 'hello'],
    ['checkMsgSendRT', ...n(system), '-t', TOPIC, '-a', '2', '-s', '10'],
  ]
  for (const args of commands) {
    const output = await mqadmin.run(...args)
    const failed = failure(output)
    const shown = args
      .filter((arg, i) => arg !== '-n' && args[i - 1] !== '-n' && arg !== system.broker.address && arg !== '-b')
      .join(' ')
    const why = /CODE: \d+\s+DESC:[^\n]*/.exec(output)?.[0] ?? failed
    if (failed && /CODE: 3 /.test(why!)) context.note(`not served: ${shown}: ${why!.slice(0, 140)}`)
    else if (failed) context.note(`refused: ${shown}: ${why!.slice(0, 140)}`)
  }
  await connected(system.nameServer, async ({ admin }) => assert.ok((await admin.topicList()).includes(TOPIC)))
}
