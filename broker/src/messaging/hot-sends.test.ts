import { expect, test } from '@jest/globals'
import {
  brokerRequests,
  type CommandHeader,
  decodeCommand,
  decodeRecords,
  encodeBatch,
  encodeCommand,
  FrameDecoder,
  printProperties,
  type RemotingCommand,
} from '@rocketcluster/protocol'
import { RemotingServer } from '@rocketcluster/remoting'
import { SimRandom, Simulation } from '@rocketcluster/world/sim'
import { type Fixture, PORT, startBroker } from '../testing/broker-fixture.ts'
import { sendBatchMessage, sendMessage, sendMessageV2 } from './send-message.ts'

const ORDINARY_PORT = 12_000
const FRAMES = 120
const LONG = ['producerGroup', 'topic', 'defaultTopic', 'defaultTopicQueueNums', 'queueId', 'sysFlag', 'bornTimestamp']
const NAMES = [...LONG, 'flag', 'properties', 'reconsumeTimes', 'unitMode', 'maxReconsumeTimes', 'batch']

/** Any send that a client may make, most of them right. */
function randomSend(random: SimRandom, opaque: number): RemotingCommand & { readonly binary: boolean } {
  const code = random.pick([10, 310, 310, 320])
  const batch = code === 320 || random.chance(0.1)
  const odd = (value: string, ...others: string[]) => (random.chance(0.9) ? value : random.pick(others))
  const properties = printProperties({
    UNIQ_KEY: `U${opaque}`,
    ...(random.chance(0.5) ? { TAGS: random.pick(['a', 'ünïcode']), KEYS: 'k1 k2' } : {}),
    ...(random.chance(0.2) ? { WAIT: random.pick(['true', 'false']), CLUSTER: 'mine', TRACE_ON: 'false' } : {}),
    ...(random.chance(0.05) ? { DELAY: '3' } : {}),
    // An hour or so after the simulation's start: the answers carry recall handles.
    ...(random.chance(0.05) ? { TIMER_DELIVER_MS: String(1_767_229_200_000 + random.int(9999)) } : {}),
    ...(random.chance(0.05) ? { TRAN_MSG: 'true' } : {}),
    ...(random.chance(0.3) ? { own: 'x'.repeat(random.int(300)) } : {}),
  })
  const values: Record<string, string> = {
    producerGroup: 'PG',
    topic: odd(random.pick(['T', 'U']), '%RETRY%CG', 'New', 'no good!', 'SCHEDULE_TOPIC_XXXX', 'Ro'),
    defaultTopic: odd('TBW102', 'Nothing', ''),
    defaultTopicQueueNums: odd('4', '1', '100'),
    queueId: odd(String(random.int(3)), '99'),
    sysFlag: odd('0', '1', '4', '16'),
    bornTimestamp: '1700000000000',
    flag: odd('0', '7'),
    properties,
    reconsumeTimes: '0',
    unitMode: 'false',
    maxReconsumeTimes: '3',
    batch: String(batch),
  }
  if (random.chance(0.1)) delete values[random.pick(NAMES)]
  if (random.chance(0.03)) values[random.pick(['queueId', 'bornTimestamp', 'sysFlag'])] = 'nonsense'
  const short = code !== 10
  const extFields = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [short ? 'abcdefghijklm'[NAMES.indexOf(name)]! : name, value]),
  )
  const text = () => Buffer.from('b'.repeat(random.int(2000)))
  const items = Array.from({ length: 1 + random.int(3) }, () => ({
    flag: 0,
    body: text(),
    properties: Buffer.from(printProperties({ UNIQ_KEY: `B${random.int(1e6)}` })),
  }))
  const whole = batch ? encodeBatch(items) : text()
  const body = random.chance(0.03)
    ? whole.subarray(0, whole.length >> 1)
    : random.chance(0.02)
      ? Buffer.alloc(70_000)
      : whole
  const header: CommandHeader = {
    code,
    opaque,
    language: 'JAVA',
    version: 501,
    flag: random.chance(0.1) ? 2 : 0,
    extFields,
  }
  return { ...header, body, binary: random.chance(0.3) }
}

/** The same frames, one after the other, over one connection; the answers and what was stored. */
async function play(seed: number, port: number) {
  const sim = new Simulation(seed)
  return sim.run(async () => {
    const fixture = await startBroker(sim)
    const { broker, host } = fixture
    await broker.services.topics.put({ ...broker.services.topics.get('TBW102')!, topicName: 'Ro', perm: 4 })
    await serveOrdinary(fixture)
    const connection = await sim.host('raw').world.network.connect({ host: host.address, port, timeoutMs: 1000 })
    const decoder = new FrameDecoder()
    const answers = new Map<number, RemotingCommand>()
    connection.onData = chunk => {
      decoder.push(chunk)
      for (let frame = decoder.next(); frame; frame = decoder.next()) {
        const answer = decodeCommand(frame)
        answers.set(answer.opaque, answer)
      }
    }
    const random = new SimRandom(seed)
    const oneWays = new Set<number>()
    for (let opaque = 1; opaque <= FRAMES; opaque++) {
      const { binary, ...command } = randomSend(random, opaque)
      if (command.flag === 2) oneWays.add(opaque)
      connection.write([encodeCommand(command, binary ? 'ROCKETMQ' : 'JSON')])
      // One at a time: two topics that are created at once may reach the log in either order.
      await sim.sleep(20)
    }
    await sim.sleep(1000)
    connection.destroy()
    const stored = []
    for (const { topic, queueIds } of broker.services.store.topics())
      for (const queueId of queueIds) {
        const result = await broker.services.store.getMessage({
          topic,
          queueId,
          queueOffset: 0,
          maxCount: 1000,
          maxBytes: 1e7,
        })
        for (const record of decodeRecords(Buffer.concat(result.records))) stored.push(record)
        result.release()
      }
    return { answers, stored, oneWays }
  })
}

async function serveOrdinary({ broker, host }: Fixture): Promise<void> {
  const { sendMessage: one, sendMessageV2: two, sendBatchMessage: batch } = brokerRequests
  const server = new RemotingServer(host.world, {
    host: '0.0.0.0',
    port: ORDINARY_PORT,
    requests: { sendMessage: one, sendMessageV2: two, sendBatchMessage: batch },
    handlers: { sendMessage, sendMessageV2, sendBatchMessage },
    services: broker.services,
  })
  await server.start()
}

test('the same frames get the same answers and leave the same records, hot or not', async () => {
  const seen = new Map<number, number>()
  for (let seed = 1; seed <= 12; seed++) {
    const [hot, ordinary] = [await play(seed, PORT), await play(seed, ORDINARY_PORT)]
    for (let opaque = 1; opaque <= FRAMES; opaque++) {
      const [one, other] = [hot.answers.get(opaque), ordinary.answers.get(opaque)]
      expect({ seed, opaque, answer: one && { ...one, body: undefined } }).toEqual({
        seed,
        opaque,
        answer: other && { ...other, body: undefined },
      })
      expect(one === undefined).toBe(hot.oneWays.has(opaque))
      if (one) seen.set(one.code, (seen.get(one.code) ?? 0) + 1)
    }
    const shape = (record: (typeof hot.stored)[number]) => ({
      topic: record.topic,
      queueId: record.queueId,
      queueOffset: record.queueOffset,
      physicalOffset: record.physicalOffset,
      flag: record.flag,
      sysFlag: record.sysFlag,
      bornTimestamp: record.bornTimestamp,
      reconsumeTimes: record.reconsumeTimes,
      body: Buffer.from(record.storedBody).toString('latin1'),
      properties: [...record.properties],
    })
    expect(hot.stored.map(shape)).toEqual(ordinary.stored.map(shape))
    expect(hot.stored.length).toBeGreaterThan(40)
  }
  // Successes and every kind of refusal were among them.
  for (const code of [0, 1, 13, 16, 17, 29]) expect([code, seen.get(code) ?? 0]).not.toEqual([code, 0])
})
