/** Bad input, hostile clients, full disks, wrong configurations: over real sockets, files and processes. */
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { Load } from '../load.ts'
import { connected, readTopic } from '../reader.ts'
import {
  newDirectory,
  type OwnServer,
  ownBroker,
  type Server,
  startOwnBroker,
  startOwnNameServer,
  upArguments,
} from '../rocketcluster.ts'
import { mountTmpfs, startChild, tail } from '../runner/children.ts'
import { suite, type TestContext } from '../runner/suite.ts'
import { type Answer, frame, type Header, pullFrom, sendTo, Wire } from '../wire.ts'

const TOPIC = 'limits'
/** frameMaxLength, NettyDecoder.java */
const FRAME_MAX = 16_777_216
const IDLE_CONNECTIONS = 10_000

interface System {
  readonly nameServer: Server
  readonly broker: Server
}

const word = (...values: number[]) => {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [i, value] of values.entries()) bytes.writeInt32BE(value, 4 * i)
  return bytes
}

const BAD_FRAMES: Readonly<Record<string, Buffer>> = {
  'a negative length': word(-1, 0),
  'the lowest length there is': word(-2_147_483_648, 0),
  'a length of zero': word(0, 0),
  'a length that leaves no room for the header length': word(3, 0),
  'a length above the limit': word(FRAME_MAX + 1, 10),
  'the highest length there is': word(0x7fffffff, 10),
  'a header longer than its frame': Buffer.concat([word(20, 500), Buffer.alloc(496, 'x')]),
  'a negative header length': Buffer.concat([word(20, -5), Buffer.alloc(16, 'x')]),
  'a header that is no JSON': frame('not json at all'),
  'a header of broken UTF-8': Buffer.concat([
    word(4 + 8, 8),
    Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0xc0, 0x80, 0x22, 0x7d]),
  ]),
  'a header of an unknown encoding': Buffer.concat([word(4 + 8, (9 << 24) | 8), Buffer.alloc(8, 'x')]),
  'a header that is a JSON list': frame('[1,2,3]'),
  'binary noise': Buffer.from(Array.from({ length: 400 }, (_, i) => (i * 131 + 77) & 0xff)),
  'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
}

export default suite('limits', ({ test, once }) => {
  const ours = once(async scope => {
    const nameServer = await startOwnNameServer(scope)
    const broker = await startOwnBroker(scope, { nameServers: [nameServer.address], conf: { maxMessageSize: 65_536 } })
    await prepare(nameServer, broker)
    return { nameServer, broker }
  })
  const apache = once(async scope => {
    const nameServer = await startApacheNameServer(scope)
    const broker = await startApacheBroker(scope, {
      nameServers: [nameServer.address],
      conf: { maxMessageSize: 65_536 },
    })
    await prepare(nameServer, broker)
    return { nameServer, broker }
  })

  test('bad frames cost only the connection they came on', async () => {
    const { nameServer, broker } = await ours()
    for (const [kind, server] of [
      ['broker', broker],
      ['name server', nameServer],
    ] as const)
      await badFrames(kind, server)
  })
  test('a frame that comes byte by byte, and two in one piece, are understood', async () =>
    pieces((await ours()).broker))
  test(
    'bad requests get the same answers as from Apache',
    async context => badRequests(context, await ours(), await apache()),
    {
      timeoutMs: 120_000,
    },
  )
  test('a client that never reads does not make the broker grow', async context =>
    neverReads(context, (await ours()).broker as OwnServer))
  test(`${IDLE_CONNECTIONS} idle connections`, async context => idle(context, await ours()), { timeoutMs: 120_000 })
  test('a full disk: clear errors, still readable, recovers, nothing lost', fullDisk, { timeoutMs: 120_000 })
  test('a store directory that another of our brokers holds', async context => {
    const { nameServer, broker } = await ours()
    const second = await ownBroker({
      nameServers: [nameServer.address],
      conf: {
        storePathRootDir: join(broker.dataDir, 'store'),
        storePathCommitLog: join(broker.dataDir, 'store', 'commitlog'),
      },
    })
    context.defer(() => second.kill().catch(() => {}))
    await assert.rejects(second.start(), /lock/i)
    await stillServes(broker)
  })
  test('a port that is taken', async context => {
    const { nameServer, broker } = await ours()
    const second = await ownBroker({ nameServers: [nameServer.address], port: broker.port })
    context.defer(() => second.kill().catch(() => {}))
    await assert.rejects(second.start(), new RegExp(`${broker.port}`))
    await stillServes(broker)
  })
  test('broker.conf: unknown keys, impossible values', wrongConf)
  test('a manifest with unknown fields and impossible values', wrongManifest)
})

async function prepare(nameServer: Server, broker: Server): Promise<void> {
  await connected(nameServer.address, async ({ admin }) => {
    await admin.createTopic(TOPIC, { readQueueNums: 2, writeQueueNums: 2 })
    await admin.createTopic(`${TOPIC}-readonly`, { readQueueNums: 2, writeQueueNums: 2, perm: 4 })
    await admin.awaitTopic(TOPIC)
    await admin.createSubscriptionGroup({ groupName: 'e2e-wire' }, { brokerAddress: broker.address })
  })
}

async function stillServes(server: Server): Promise<void> {
  const wire = await Wire.open(server.port)
  try {
    assert.equal((await wire.ask(sendTo(TOPIC), Buffer.from('0 still'))).code, 0)
  } finally {
    wire.close()
  }
}

async function badFrames(kind: string, server: Server): Promise<void> {
  const code = kind === 'broker' ? 28 : 106
  const innocent = await Wire.open(server.port)
  try {
    for (const [what, bytes] of Object.entries(BAD_FRAMES)) {
      const guilty = await Wire.open(server.port)
      guilty.send(bytes)
      const closed = await guilty.isClosed(3000)
      guilty.close()
      assert.ok(closed, `${kind}: ${what} did not close the connection`)
      assert.equal((await innocent.ask({ code })).code, 0, `${kind}: another connection after ${what}`)
    }
    // A length that promises more than comes waits for the rest, holding next to nothing, and ends with its connection.
    const lying = await Wire.open(server.port)
    lying.send(Buffer.concat([word(FRAME_MAX - 10, 100), Buffer.from('{}')]))
    await sleep(200)
    assert.equal((await innocent.ask({ code })).code, 0, `${kind}: while a frame is incomplete`)
    lying.close()
    assert.equal((await innocent.ask({ code })).code, 0, `${kind}: after a frame was cut`)
  } finally {
    innocent.close()
  }
}

async function pieces(broker: Server): Promise<void> {
  const wire = await Wire.open(broker.port)
  try {
    const bytes = frame(sendTo(TOPIC), Buffer.from('0 in pieces'))
    for (let i = 0; i < bytes.length; i += 7) {
      wire.send(bytes.subarray(i, i + 7))
      if (i % 70 === 0) await sleep(1)
    }
    assert.ok(await wire.until(() => wire.answers.length === 1, 3000), 'no answer to a frame in pieces')
    wire.send(Buffer.concat([bytes, bytes, bytes.subarray(0, 5)]))
    wire.send(bytes.subarray(5))
    assert.ok(await wire.until(() => wire.answers.length === 4, 3000), 'no answers to frames in one piece')
    assert.ok(
      wire.answers.every(({ code }) => code === 0),
      JSON.stringify(wire.answers),
    )
  } finally {
    wire.close()
  }
}

/** What to ask, and whether an answer of success is right. The codes themselves are Apache's, asked in the same breath. */
const BAD_REQUESTS: readonly (readonly [what: string, header: Header, body?: Buffer])[] = [
  ['a topic with illegal characters', sendTo('a b/c')],
  ['a topic of 128 characters', sendTo('t'.repeat(128))],
  ['an empty topic', sendTo('')],
  ['the topic TBW102', sendTo('TBW102')],
  ['a system topic', sendTo('SCHEDULE_TOPIC_XXXX')],
  ['a body over the limit', sendTo(TOPIC), Buffer.alloc(70_000, 'x')],
  ['an empty body', sendTo(TOPIC), Buffer.alloc(0)],
  ['a queue id out of range', sendTo(TOPIC, 99)],
  ['a topic that may not be written to', sendTo(`${TOPIC}-readonly`)],
  ['properties over the limit', sendTo(TOPIC, 0, { i: `k\u0001${'v'.repeat(40_000)}\u0002` })],
  ['a send without a topic', { code: 310, extFields: { a: 'e2e', d: '4', e: '0', f: '0', g: '0', h: '0' } }],
  ['a queue id that is no number', { ...sendTo(TOPIC), extFields: { ...sendTo(TOPIC).extFields, e: 'one' } }],
  ['a send without fields', { code: 310 }],
  ['a pull of an unknown topic', pullFrom('no-such-topic', 0, 0)],
  ['a pull from a queue out of range', pullFrom(TOPIC, 99, 0)],
  ['a pull from a negative queue', pullFrom(TOPIC, -1, 0)],
  ['a pull far beyond the end', pullFrom(TOPIC, 0, 1_000_000)],
  ['a pull before the beginning', pullFrom(TOPIC, 0, -5)],
  [
    'a pull with an empty group',
    { ...pullFrom(TOPIC, 0, 0), extFields: { ...pullFrom(TOPIC, 0, 0).extFields, consumerGroup: '' } },
  ],
  ['an unknown request code', { code: 31_999 }],
  ['a message by an offset that is nowhere', { code: 33, extFields: { offset: '123456789' } }],
  [
    'a topic made with illegal characters',
    {
      code: 17,
      extFields: {
        topic: 'a b',
        defaultTopic: 'TBW102',
        readQueueNums: '1',
        writeQueueNums: '1',
        perm: '6',
        topicFilterType: 'SINGLE_TAG',
        topicSysFlag: '0',
        order: 'false',
      },
    },
  ],
  ['the deletion of an empty topic', { code: 215, extFields: { topic: '' } }],
  ['a heartbeat that is no JSON', { code: 34 }, Buffer.from('{"clientID":')],
]

/**
 * Where we answer with another code on purpose or because Apache's is an accident of its code (an exception's message).
 * The reason stands beside it and is printed.
 */
const DIFFERENT: Readonly<Record<string, string>> = {
  'an empty body': 'Apache fails with a NullPointerException; nothing forbids a message without a body',
  'a topic that may not be written to': 'Apache leaves the permission of a topic to its clients; ours keeps it',
}

async function badRequests(context: TestContext, ours: System, apache: System): Promise<void> {
  const differences: string[] = []
  for (const [what, header, body = Buffer.from('0 bad')] of BAD_REQUESTS) {
    const [mine, theirs] = await Promise.all([
      answerOf(ours.broker, header, body),
      answerOf(apache.broker, header, body),
    ])
    const show = (answer: Answer | string) =>
      typeof answer === 'string' ? answer : `${answer.code} (${answer.remark?.split('\n')[0]?.slice(0, 120) ?? ''})`
    const codeOf = (answer: Answer | string) => (typeof answer === 'string' ? answer : answer.code)
    if (typeof mine !== 'string' && mine.code !== 0 && ![19, 20, 21].includes(mine.code))
      assert.ok(mine.remark, `${what}: code ${mine.code} comes without a remark`)
    if (codeOf(mine) === codeOf(theirs)) continue
    if (DIFFERENT[what]) context.note(`${what}: ${show(mine)}, Apache ${show(theirs)}: ${DIFFERENT[what]}`)
    else differences.push(`${what}: ${show(mine)}, Apache ${show(theirs)}`)
  }
  await stillServes(ours.broker)
  assert.deepEqual(differences, [], `answers that differ:\n${differences.join('\n')}`)
}

async function answerOf(broker: Server, header: Header, body: Buffer): Promise<Answer | string> {
  const wire = await Wire.open(broker.port)
  try {
    return await wire.ask(header, body, 4000)
  } catch (error) {
    return (error as Error).message.startsWith('closed') ? 'closed' : 'no answer'
  } finally {
    wire.close()
  }
}

function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024
}

/** Asks for 400 MiB of messages and reads none of the answers. */
async function neverReads(context: TestContext, broker: OwnServer): Promise<void> {
  const writer = await Wire.open(broker.port)
  context.defer(() => writer.close())
  const body = Buffer.alloc(60_000, 'y')
  for (let i = 0; i < 200; i++) assert.equal((await writer.ask(sendTo(TOPIC, 1), body)).code, 0)
  const before = residentMiB(broker.pid)
  const deaf = await Wire.open(broker.port)
  context.defer(() => deaf.close())
  deaf.socket.pause()
  const pull = frame(pullFrom(TOPIC, 1, 0))
  for (let i = 0; i < 400; i++) deaf.send(pull)
  let most = before
  for (let i = 0; i < 30; i++) {
    await sleep(100)
    most = Math.max(most, residentMiB(broker.pid))
    if (i % 10 === 0) await stillServes(broker)
  }
  context.note(
    `resident memory of the broker: ${before.toFixed(0)} MiB before, at most ${most.toFixed(0)} MiB meanwhile`,
  )
  assert.ok(most - before < 100, `the broker grew by ${(most - before).toFixed(0)} MiB for a client that does not read`)
}

async function idle(context: TestContext, { broker, nameServer }: System): Promise<void> {
  const limit = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024)
  const count = Math.min(IDLE_CONNECTIONS, limit - 500)
  if (count < 1000) context.skip(`this process may open ${limit} files only; 1500 are needed at least`)
  for (const [name, server] of [
    ['broker', broker],
    ['name server', nameServer],
  ] as const) {
    const before = residentMiB(server.pid)
    const wires: Wire[] = []
    try {
      for (let i = 0; i < count; i += 200)
        wires.push(
          ...(await Promise.all(Array.from({ length: Math.min(200, count - i) }, () => Wire.open(server.port)))),
        )
      await sleep(300)
      const after = residentMiB(server.pid)
      if (name === 'broker') await stillServes(server)
      assert.equal((await wires[count >> 1]!.ask({ code: name === 'broker' ? 28 : 106 })).code, 0)
      assert.equal(wires.filter(({ closed }) => closed).length, 0, 'idle connections were closed')
      context.note(
        `${count} connections to the ${name}: ${before.toFixed(0)} to ${after.toFixed(0)} MiB resident, ${(((after - before) * 1024) / count).toFixed(1)} KiB each`,
      )
      assert.ok((after - before) * 1024 < count * 30, `${name}: more than 30 KiB for each idle connection`)
    } finally {
      for (const wire of wires) wire.close()
    }
  }
}

async function fullDisk(context: TestContext): Promise<void> {
  const directory = await newDirectory('small-disk')
  const unmount = mountTmpfs(directory, 64 << 20)
  if (!unmount) context.skip('a tmpfs of limited size cannot be mounted: that needs root on Linux')
  context.defer(unmount)
  const nameServer = await startOwnNameServer(context)
  const conf = {
    storePathRootDir: join(directory, 'store'),
    storePathCommitLog: join(directory, 'store', 'commitlog'),
    mappedFileSizeCommitLog: 8 << 20,
    maxMessageSize: 65_536,
    mappedFileSizeConsumeQueue: 60_000,
    maxHashSlotNum: 1000,
    maxIndexNum: 4000,
    // So that the disk itself says no, and not the level at which a broker stops in time.
    diskSpaceWarningLevelRatio: 99,
    cleanFileForciblyEnable: false,
    cleanResourceInterval: 200,
  }
  const broker = await startOwnBroker(context, { nameServers: [nameServer.address], conf })
  await connected(nameServer.address, async ({ admin }) => {
    await admin.createTopic('full', { readQueueNums: 2, writeQueueNums: 2 })
    await admin.awaitTopic('full')
  })
  const load = new Load(nameServer.address, 'full')
  let stopped = false
  const stop = async () => {
    if (!stopped) await load.stop()
    stopped = true
  }
  context.defer(stop)
  await load.start(16)
  await load.more(2000)
  const acknowledgedBefore = load.acknowledged.length
  // Somebody else takes the rest of the disk.
  const ballast = join(directory, 'ballast')
  await fill(ballast)
  const deadline = performance.now() + 20_000
  while (load.failures.size === 0 && performance.now() < deadline) await sleep(50)
  assert.ok(load.failures.size > 0, 'no send has failed although the disk is full')
  await sleep(500)
  for (const why of load.failures.keys())
    assert.match(why, /disk|space|full|not writ|read-only/i, `a send failed with an unclear message: ${why}`)
  const whileFull = await readTopic(nameServer.address, 'full')
  assert.ok(whileFull.length >= acknowledgedBefore, 'the broker is not readable while its disk is full')
  await rm(ballast)
  await load.more(500, 30_000)
  await stop()
  const check = async (when: string) => {
    const stored = new Map(
      (await readTopic(nameServer.address, 'full')).map(({ n, queueId, queueOffset }) => [
        `${queueId}/${queueOffset}`,
        n,
      ]),
    )
    for (const { n, queueId, queueOffset } of load.acknowledged)
      assert.equal(
        stored.get(`${queueId}/${queueOffset}`),
        n,
        `${when}: message ${n}, acknowledged at ${queueId}/${queueOffset}`,
      )
  }
  await check('when there is space again')
  await broker.kill()
  await broker.start()
  await check('after kill -9')
  context.note(
    `${load.acknowledged.length} acknowledged, ${[...load.failures].map(([why, times]) => `${times} × ${why}`).join('; ')}`,
  )
}

async function fill(path: string): Promise<void> {
  const { open } = await import('node:fs/promises')
  const file = await open(path, 'w')
  try {
    for (let size = 1 << 20; size >= 4096; size >>= 1)
      for (;;) {
        try {
          const { bytesWritten } = await file.write(Buffer.alloc(size))
          if (bytesWritten < size) break
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOSPC') break
          throw error
        }
      }
  } finally {
    await file.close()
  }
}

async function wrongConf(context: TestContext): Promise<void> {
  const nameServer = await startOwnNameServer(context)
  const wrong: readonly (readonly [string, string | number, RegExp])[] = [
    ['flushDiskType', 'SOMETIMES', /flushDiskType.*SOMETIMES.*ASYNC_FLUSH/s],
    ['maxMessageSize', 'big', /maxMessageSize.*big/s],
    ['maxMessageSize', -1, /maxMessageSize.*-1.*allowed/s],
    ['deleteWhen', 25, /deleteWhen.*25/s],
    ['brokerPermission', 9, /brokerPermission.*9/s],
    ['listenPort', 70_000, /listenPort.*70000/s],
    ['brokerName', '', /brokerName/],
    ['noSuchKey', 1, /noSuchKey: there is no such key/],
    ['flushDiskTyp', 'SYNC_FLUSH', /flushDiskTyp.*flushDiskType/],
    ['namesrvAddr', 'nowhere', /namesrvAddr.*nowhere/s],
  ]
  for (const [key, value, expected] of wrong) {
    const broker = await ownBroker({ nameServers: [nameServer.address], conf: { [key]: value } })
    context.defer(() => broker.kill().catch(() => {}))
    await assert.rejects(
      broker.start(),
      (error: Error) => {
        assert.match(error.message, expected, `${key}=${value}`)
        assert.match(error.message, /ended with 1/, `${key}=${value}`)
        return true
      },
      `${key}=${value} was accepted`,
    )
  }
}

async function wrongManifest(context: TestContext): Promise<void> {
  const directory = await context.directory()
  const manifest = (spec: string) =>
    `apiVersion: rocketcluster.dev/v1beta1\nkind: RocketCluster\nmetadata:\n  name: wrong\nspec:\n${spec}\n`
  const wrong: readonly (readonly [string, RegExp])[] = [
    [manifest('  brokr:\n    groups: 1'), /spec.*brokr/s],
    [manifest('  broker:\n    groups: 0'), /spec\.broker\.groups/],
    [manifest('  broker:\n    groups: many'), /spec\.broker\.groups/],
    [manifest('  broker:\n    durability:\n      flush: Sometimes'), /spec\.broker\.durability\.flush.*(Sync|Async)/s],
    [manifest('  broker:\n    config:\n      listenPort: 1'), /listenPort/],
    [manifest('  broker:\n    config:\n      maxMessageSize: huge'), /maxMessageSize.*huge/s],
    ['kind: Pod\napiVersion: v1\nmetadata:\n  name: x\n', /kind/],
    ['a: [', /manifest|YAML|line/i],
  ]
  for (const [i, [text, expected]] of wrong.entries()) {
    const file = join(directory, `wrong-${i}.yaml`)
    await writeFile(file, text)
    const child = startChild({
      name: 'up-wrong',
      command: process.execPath,
      args: upArguments(file, join(directory, 'data')),
    })
    context.defer(() => child.kill())
    const end = await Promise.race([child.ended, sleep(15_000)])
    assert.ok(end, `up did not end with ${text}`)
    assert.notEqual(end.code, 0, `up accepted ${text}`)
    assert.match(tail(child.logFile), expected, text)
    assert.equal(child.lines.length, 0, `something on standard output: ${child.lines.join('\n')}`)
  }
}
