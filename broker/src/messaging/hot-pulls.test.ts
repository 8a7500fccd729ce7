import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { brokerConfig } from '@rocketcluster/config'
import { brokerRequests, CURRENT_VERSION, javaHash, PullReplyWriter } from '@rocketcluster/protocol'
import { type HotHandler, RemotingServer } from '@rocketcluster/remoting'
import { silentLog } from '@rocketcluster/world'
import { nodeWorld } from '@rocketcluster/world/node'
import fc from 'fast-check'
import { Broker } from '../broker.ts'
import { HotPulls } from './hot-pulls.ts'
import { pullMessage } from './pull-message.ts'

const PULL = brokerRequests.pullMessage.code
const SUSPEND = 2
const SUBSCRIPTION = 4
const MESSAGES = 40

interface Answer {
  readonly header: { code: number; remark?: string; flag: number; extFields?: Record<string, string>; version: number }
  readonly body: Buffer
}

/** One request on a connection of its own; undefined when none came within `patienceMs`. */
function ask(port: number, extFields: object, { flag = 0, patienceMs = 3000 } = {}): Promise<Answer | undefined> {
  const header = Buffer.from(JSON.stringify({ code: PULL, flag, language: 'JAVA', opaque: 7, version: 513, extFields }))
  const prefix = Buffer.alloc(8)
  prefix.writeInt32BE(4 + header.length, 0)
  prefix.writeInt32BE(header.length, 4)
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.concat([prefix, header])))
    const end = (answer?: Answer) => {
      clearTimeout(late)
      socket.destroy()
      resolve(answer)
    }
    const late = setTimeout(end, patienceMs)
    let received = Buffer.alloc(0)
    socket.on('error', reject)
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return
      const headerEnd = 8 + received.readInt32BE(4)
      // Remarks name the client, which has another port each time.
      const header = received.toString('utf8', 8, headerEnd).replaceAll(`:${socket.localPort}]`, ':port]')
      end({ header: JSON.parse(header), body: received.subarray(headerEnd) })
    })
  })
}

const wanted = (more: object = {}) => ({
  consumerGroup: 'group',
  topic: 'Filled',
  queueId: '0',
  queueOffset: '0',
  maxMsgNums: '32',
  sysFlag: String(SUBSCRIPTION),
  commitOffset: '0',
  suspendTimeoutMillis: '0',
  subscription: '*',
  subVersion: '0',
  expressionType: 'TAG',
  ...more,
})

const directory = mkdtempSync(join(tmpdir(), 'hot-pulls-'))
let broker: Broker
const servers: { close(): Promise<void> }[] = []
const ports = { hot: 0, ordinary: 0 }

function append(topic: string, tags: string): Promise<unknown> {
  const { store } = broker.services
  const { physicalOffset, sizeBytes } = store.append({
    topic,
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1,
    bornHost: Buffer.alloc(8),
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.from(`body of ${tags}`),
    properties: Buffer.from(`TAGS\x01${tags}\x02`),
    tagsCode: javaHash(tags),
  })
  return store.committed(physicalOffset + sizeBytes, true)
}

beforeAll(async () => {
  const world = nodeWorld({ log: silentLog })
  const { config } = brokerConfig.parse(
    `brokerName=broker-a\nbrokerIP1=127.0.0.1\nlistenPort=0\nstorePathRootDir=${directory}\nnamesrvAddr=127.0.0.1:1`,
    {},
    {},
  )
  broker = await Broker.start(world, { config, physicalMemoryBytes: 2 ** 30 })
  const { services } = broker
  for (const topic of ['Filled', 'Waiting', 'Empty'])
    await services.topics.createByExample({ topic, defaultTopic: 'TBW102', queueNums: 2 })
  for (let i = 0; i < MESSAGES; i++) await append('Filled', i % 2 === 0 ? 'even' : 'odd')
  const writer = new PullReplyWriter({ language: 'JAVA', version: CURRENT_VERSION, serializeType: 'JSON' })
  const serve = async (hot: Record<number, HotHandler>) => {
    const { pullMessage: declaration } = brokerRequests
    const server = new RemotingServer(world, {
      host: '127.0.0.1',
      port: 0,
      requests: { pullMessage: declaration },
      handlers: { pullMessage },
      services,
      hot,
    })
    servers.push(server)
    return (await server.start()).port
  }
  ports.hot = await serve(new HotPulls(services, writer).handlers())
  ports.ordinary = await serve({})
})

afterAll(async () => {
  for (const server of servers) await server.close()
  await broker?.stop()
  rmSync(directory, { recursive: true, force: true })
})

async function bothSay(extFields: object, options: { flag?: number; patienceMs?: number } = {}) {
  const [one, other] = [await ask(ports.hot, extFields, options), await ask(ports.ordinary, extFields, options)]
  expect(one).toEqual(other)
  return one
}

describe('a pull is answered the same, hot or not', () => {
  test('messages', async () => {
    const answer = await bothSay(wanted())
    expect(answer!.header).toMatchObject({ code: 0, remark: 'FOUND', extFields: { nextBeginOffset: '32' } })
    expect(answer!.body.includes('body of even')).toBe(true)
  })

  test('only those of a tag', async () => {
    const answer = await bothSay(wanted({ subscription: 'odd' }))
    expect(answer!.body.includes('body of even')).toBe(false)
    expect(answer!.body.includes('body of odd')).toBe(true)
  })

  test.each([
    ['an empty queue', { topic: 'Empty' }, 19],
    ['the end of a queue', { queueOffset: String(MESSAGES) }, 19],
    ['beyond the end', { queueOffset: '1000' }, 21],
    ['an empty queue from the middle', { topic: 'Empty', queueOffset: '5' }, 21],
    ['no message of the tag', { subscription: 'none' }, 20],
    ['a topic that does not exist', { topic: 'Nowhere' }, 17],
    ['a queue that does not exist', { queueId: '99' }, 29],
    ['a negative queue', { queueId: '-1' }, 29],
    ['a number that is none', { queueOffset: 'many' }, 1],
    ['a field that is missing', { queueId: undefined }, 1],
    ['a group that sent no heartbeat', { sysFlag: '0' }, 24],
    ['no message of an SQL92 expression', { expressionType: 'SQL92', subscription: 'a > 1' }, 20],
    ['an SQL92 expression that is none', { expressionType: 'SQL92', subscription: 'a >' }, 23],
    ['a waiting consumer whose time is up', { topic: 'Empty', sysFlag: '6', suspendTimeoutMillis: '50' }, 19],
  ])('%s', async (_, more, code) => {
    expect((await bothSay(wanted(more)))!.header.code).toBe(code)
  })

  test('a consumer who waits gets the message that arrives', async () => {
    const waiting = { topic: 'Waiting', sysFlag: String(SUBSCRIPTION | SUSPEND), suspendTimeoutMillis: '10000' }
    const answers = Promise.all([ask(ports.hot, wanted(waiting)), ask(ports.ordinary, wanted(waiting))])
    while (broker.services.heldPulls.size < 2) await new Promise(resolve => setTimeout(resolve, 5))
    await append('Waiting', 'tag')
    const [one, other] = await answers
    expect(one).toEqual(other)
    expect(one!.header).toMatchObject({ code: 0, remark: 'FOUND', extFields: { nextBeginOffset: '1' } })
  })

  test('nothing, when nobody waits for an answer', async () => {
    expect(await bothSay(wanted(), { flag: 2, patienceMs: 200 })).toBeUndefined()
  })

  test('a reset by an operator, once', async () => {
    const { offsets } = broker.services
    const answers = []
    for (const port of [ports.hot, ports.ordinary]) {
      offsets.reset('group', 'Filled', new Map([[0, 3]]))
      answers.push(await ask(port, wanted()))
    }
    expect(answers[0]).toEqual(answers[1])
    expect(answers[0]!.header).toMatchObject({ code: 21, remark: 'OFFSET_RESET', extFields: { nextBeginOffset: '3' } })
    expect((await ask(ports.hot, wanted()))!.header.code).toBe(0)
  })

  test('the offset that comes along is committed', async () => {
    await ask(ports.hot, wanted({ sysFlag: String(SUBSCRIPTION | 1), commitOffset: '17' }))
    expect(broker.services.offsets.query('group', 'Filled', 0)).toBe(17)
  })

  test('a store that fails is a refusal, and the next pull is served', async () => {
    const { store } = broker.services
    const { getMessage } = store
    Object.defineProperty(store, 'getMessage', {
      value: async () => Promise.reject(new Error('EIO')),
      configurable: true,
    })
    try {
      const answer = await bothSay(wanted())
      expect(answer!.header).toMatchObject({ code: 1, remark: 'Error: EIO' })
    } finally {
      Reflect.deleteProperty(store, 'getMessage')
    }
    expect(store.getMessage).toBe(getMessage)
    await bothSay(wanted())
  })

  test('whatever is asked for', async () => {
    const number = fc.oneof(fc.integer({ min: -2, max: MESSAGES + 2 }), fc.integer(), fc.constant('x')).map(String)
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          topic: fc.constantFrom('Filled', 'Empty', 'Nowhere'),
          queueId: number,
          queueOffset: number,
          maxMsgNums: number,
          maxMsgBytes: fc.option(number, { nil: undefined }),
          subscription: fc.constantFrom('*', 'odd', 'even || odd', '||', ''),
        }),
        async more => {
          await bothSay(wanted(more))
        },
      ),
      { numRuns: 60 },
    )
  })
})
