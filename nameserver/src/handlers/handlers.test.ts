import { crc32, deflateSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  encodeCompressedRegisterBrokerBody,
  nameserverRequests,
  registerBrokerBody,
  topicRouteData,
} from '@rocketcluster/protocol'
import type { Nameserver } from '../nameserver.ts'
import {
  brokerExt,
  cleanUp,
  connectTo,
  registerBody,
  registration,
  startNameserver,
  topicConfig,
  version,
} from '../testing/fixture.ts'
import type { RawClient } from '../testing/raw-client.ts'

let nameserver: Nameserver
let client: RawClient

beforeEach(async () => {
  nameserver = await startNameserver()
  client = await connectTo(nameserver)
})
afterEach(cleanUp)

const route = (topic: string, request: Parameters<RawClient['ask']>[1] = {}) =>
  client.ask(105, { ...request, ext: { topic, ...request.ext } })
const json = (body: Buffer) => JSON.parse(body.toString())

describe('REGISTER_BROKER', () => {
  test('makes the topics known', async () => {
    expect(await client.ask(103, registration())).toMatchObject({ code: 0, ext: {} })
    const { code, body } = await route('TopicA')
    expect([code, json(body)]).toEqual([
      0,
      {
        brokerDatas: [
          {
            brokerAddrs: { 0: '10.0.0.1:10911' },
            brokerName: 'broker-a',
            cluster: 'DefaultCluster',
            enableActingMaster: false,
          },
        ],
        filterServerTable: {},
        queueDatas: [{ brokerName: 'broker-a', perm: 6, readQueueNums: 4, topicSysFlag: 0, writeQueueNums: 4 }],
      },
    ])
  })

  test('tells a slave where its master is', async () => {
    await client.ask(103, registration())
    expect(await client.ask(103, registration({ brokerId: 1, brokerAddr: '10.0.0.2:10911' }))).toMatchObject({
      code: 0,
      ext: { masterAddr: '10.0.0.1:10911', haServerAddr: '10.0.0.1:10912' },
    })
  })

  test('answers with the order topics', async () => {
    await client.ask(100, { ext: { namespace: 'ORDER_TOPIC_CONFIG', key: 'TopicA', value: 'broker-a:4' } })
    expect(json((await client.ask(103, registration())).body)).toEqual({ table: { TopicA: 'broker-a:4' } })
    await client.ask(318, { body: 'returnOrderTopicConfigToBroker=false' })
    expect((await client.ask(103, registration())).body).toHaveLength(0)
  })

  test.each([
    ['5.5', 513],
    ['4.9', 399],
  ])('reads the compressed body of %s', async (_, brokerVersion) => {
    const value = registerBrokerBody.parse(registerBody([topicConfig('Zipped', { perm: 4 }), topicConfig('Other')]))
    const body = encodeCompressedRegisterBrokerBody(value, brokerVersion)
    const ext = { ...brokerExt(), compressed: true, bodyCrc32: crc32(body) & 0x7fffffff }
    expect(await client.ask(103, { ext, body, version: brokerVersion })).toMatchObject({ code: 0 })
    expect(json((await route('Zipped')).body).queueDatas).toMatchObject([{ perm: 4, readQueueNums: 4 }])
  })

  test("reads the compressed body of Apache's 5.x brokers, whose header says that it is not", async () => {
    const value = registerBrokerBody.parse(registerBody([topicConfig('Zipped'), topicConfig('Other')]))
    const body = encodeCompressedRegisterBrokerBody(value, 513)
    expect(await client.ask(103, { ext: { ...brokerExt(), compressed: false }, body })).toMatchObject({ code: 0 })
    expect(await route('Zipped')).toMatchObject({ code: 0 })
  })

  test('reads the body of brokers before 3.0.11', async () => {
    const topicConfigTable = { Old: topicConfig('Old'), Older: topicConfig('Older') }
    const body = JSON.stringify({ dataVersion: { counter: 3, timestamp: 5 }, topicConfigTable })
    expect(await client.ask(103, { ext: brokerExt(), body, version: 36 })).toMatchObject({ code: 0 })
    expect(await route('Old')).toMatchObject({ code: 0 })
  })

  test('refuses a body whose checksum differs', async () => {
    const request = registration()
    const good = crc32(request.body!) & 0x7fffffff
    expect(await client.ask(103, registration({}, { ext: { bodyCrc32: good + 1 } }))).toMatchObject({
      code: 1,
      remark: expect.stringContaining('crc32 not match'),
    })
    expect(await client.ask(103, registration({}, { ext: { bodyCrc32: good } }))).toMatchObject({ code: 0 })
  })

  test('refuses bodies that are not what they claim to be, and keeps the connection', async () => {
    const ext = { ...brokerExt(), compressed: true }
    for (const body of [
      Buffer.from('garbage'),
      deflateSync(Buffer.alloc(0)),
      deflateSync(Buffer.from([0x7f, 0xff, 0xff, 0xff])),
    ])
      expect(await client.ask(103, { ext, body })).toMatchObject({ code: 1, remark: expect.stringContaining('body') })
    for (const body of [
      '{',
      '[]',
      '{"topicConfigSerializeWrapper":1}',
      '{"topicConfigSerializeWrapper":{"topicConfigTable":[]}}',
    ])
      expect(await client.ask(103, { ext: brokerExt(), body })).toMatchObject({
        code: 1,
        remark: expect.stringContaining('body'),
      })
    expect(await client.ask(106)).toMatchObject({ code: 0 })
  })

  test('refuses a body that would grow beyond all measure, without making room for it', async () => {
    const body = deflateSync(Buffer.alloc(256 * 1024 * 1024), { level: 1 })
    const before = process.memoryUsage().rss
    expect(await client.ask(103, { ext: { ...brokerExt(), compressed: true }, body })).toMatchObject({
      code: 1,
      remark: expect.stringContaining('67108864 bytes allowed'),
    })
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
  })

  test.each([
    ['brokerId', -1],
    ['brokerId', 'one'],
    ['brokerAddr', ' '],
    ['clusterName', ''],
    ['brokerName', ''],
    ['heartbeatTimeoutMillis', 0],
    ['heartbeatTimeoutMillis', -5],
    ['bodyCrc32', 'x'],
  ])('refuses %s = %p and names it', async (field, value) => {
    const answer = await client.ask(103, registration({}, { ext: { [field]: value } }))
    expect(answer.code).not.toBe(0)
    expect(answer.remark).toContain(field)
    expect(json((await client.ask(206)).body).topicList).toEqual([])
  })

  test('refuses a header without its fields', async () => {
    expect(await client.ask(103)).toMatchObject({ code: 1, remark: expect.stringContaining('brokerName') })
  })

  test('leaves out topics that cannot be offered, names them, and serves the others', async () => {
    const topics = [
      topicConfig('Good'),
      topicConfig('bad.name'),
      topicConfig('x'.repeat(128)),
      topicConfig('Queues', { readQueueNums: -1 }),
      topicConfig('Many', { writeQueueNums: 70_000 }),
      topicConfig('Perm', { perm: 99 }),
      topicConfig('%RETRY%group+topic'),
    ]
    const { code, remark } = await client.ask(103, registration({}, { topics }))
    expect([code, remark]).toEqual([0, expect.stringMatching(/bad\.name.*and 2 more/s)])
    expect(json((await client.ask(206)).body).topicList.sort()).toEqual(['%RETRY%group+topic', 'Good'])
  })

  test('refuses a single topic of a broker it does not know, in the words of Apache', async () => {
    const one = registration({}, { topics: [topicConfig('One')] })
    expect(await client.ask(103, one)).toMatchObject({
      code: 1,
      remark: expect.stringContaining('register broker failed'),
    })
    await client.ask(103, registration())
    expect(await client.ask(103, one)).toMatchObject({ code: 0 })
  })

  test('an earlier epoch is answered with SUCCESS and ignored', async () => {
    await client.ask(103, registration({}, { dataVersion: version(1, 7) }))
    const answer = await client.ask(
      103,
      registration({}, { dataVersion: version(9, 6), topics: [topicConfig('X'), topicConfig('Y')] }),
    )
    expect(answer).toMatchObject({ code: 0, remark: expect.stringContaining('stateVersion 6') })
    expect(await route('X')).toMatchObject({ code: 17 })
  })
})

describe('GET_ROUTEINFO_BY_TOPIC', () => {
  test('an unknown topic is 17, whatever its name', async () => {
    for (const topic of ['Nobody', '', 'ü💥', 'x'.repeat(10_000)]) {
      const { code, remark } = await route(topic)
      expect([code, remark!.length < 400]).toEqual([17, true])
    }
    expect((await route('Nobody')).remark).toContain('No topic route info in name server for the topic: Nobody')
    expect(await client.ask(105)).toMatchObject({ code: 1, remark: expect.stringContaining('topic') })
  })

  test('the JSON is the one that the client reads', async () => {
    await client.ask(103, registration())
    await client.ask(103, registration({ brokerId: 1, brokerAddr: '10.0.0.2:10911' }))
    const old = (await route('TopicA', { version: 399 })).body
    expect(old.toString()).toContain('"brokerAddrs":{0:"10.0.0.1:10911",1:"10.0.0.2:10911"}')
    const standard = (await route('TopicA', { version: 401 })).body
    expect(standard.toString()).toContain('"brokerAddrs":{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"}')
    expect((await route('TopicA', { version: 0, ext: { acceptStandardJsonOnly: true } })).body).toEqual(standard)
    expect(topicRouteData.decode(old)).toEqual(topicRouteData.decode(standard))
  })

  test('an answer that was kept does not outlive a change', async () => {
    await client.ask(103, registration())
    const perm = async () => json((await route('TopicA')).body).queueDatas[0].perm
    expect(await perm()).toBe(6)
    await client.ask(205, { ext: { brokerName: 'broker-a' } })
    expect(await perm()).toBe(4)
    await client.ask(216, { ext: { topic: 'TopicA' } })
    expect(await route('TopicA')).toMatchObject({ code: 17 })
  })

  test('the order configuration comes along when it is wanted', async () => {
    await client.ask(103, registration())
    await client.ask(100, { ext: { namespace: 'ORDER_TOPIC_CONFIG', key: 'TopicA', value: 'broker-a:4' } })
    expect(json((await route('TopicA')).body)).not.toHaveProperty('orderTopicConf')
    await client.ask(318, { body: 'orderMessageEnable=true' })
    expect(json((await route('TopicA')).body).orderTopicConf).toBe('broker-a:4')
    await client.ask(102, { ext: { namespace: 'ORDER_TOPIC_CONFIG', key: 'TopicA' } })
    expect(json((await route('TopicA')).body)).not.toHaveProperty('orderTopicConf')
  })

  test('a zone keeps its own groups, and those that have lost their master', async () => {
    const at = (brokerName: string, brokerAddr: string, zone: string, brokerId = 0) =>
      client.ask(
        103,
        registration({ brokerName, brokerAddr, brokerId }, { ext: { __ZONE_NAME: zone, enableActingMaster: true } }),
      )
    await at('here', 'h:1', 'z1')
    await at('there', 't:1', 'z2')
    await at('masterless', 'm:1', 'z2', 1)
    const names = async (ext: Record<string, string>) =>
      json((await route('TopicA', { ext })).body).queueDatas.map((queue: { brokerName: string }) => queue.brokerName)
    expect(await names({ __ZONE_MODE: 'true', __ZONE_NAME: 'Z1' })).toEqual(['here', 'masterless'])
    expect(await names({ __ZONE_MODE: 'true' })).toEqual(['here', 'masterless', 'there'])
    expect(await names({ __ZONE_NAME: 'z1' })).toEqual(['here', 'masterless', 'there'])
  })
})

describe('brokers', () => {
  test('QUERY_DATA_VERSION says whether there is something to register', async () => {
    const ask = (body: object) => client.ask(322, { ext: brokerExt(), body: JSON.stringify(body) })
    expect(await ask(version(1))).toMatchObject({ code: 0, ext: { changed: 'true' }, body: Buffer.alloc(0) })
    await client.ask(103, registration())
    const answer = await ask(version(1))
    expect([answer.ext, json(answer.body)]).toEqual([{ changed: 'false' }, version(1)])
    expect(await ask(version(2))).toMatchObject({ ext: { changed: 'true' } })
    expect((await client.ask(322, { ext: brokerExt() })).code).not.toBe(0)
  })

  test('BROKER_HEARTBEAT and UNREGISTER_BROKER of somebody unknown are fine, and the answer says so', async () => {
    expect(await client.ask(904, { ext: brokerExt() })).toMatchObject({
      code: 0,
      remark: expect.stringContaining('ignored'),
    })
    expect(await client.ask(104, { ext: brokerExt() })).toMatchObject({
      code: 0,
      remark: expect.stringContaining('ignored'),
    })
    await client.ask(103, registration())
    expect((await client.ask(904, { ext: brokerExt() })).remark).toBeUndefined()
    expect((await client.ask(104, { ext: brokerExt() })).remark).toBeUndefined()
    expect(await route('TopicA')).toMatchObject({ code: 17 })
  })

  test('GET_BROKER_MEMBER_GROUP and GET_BROKER_CLUSTER_INFO show the members, in the JSON of fastjson', async () => {
    await client.ask(103, registration())
    const group = await client.ask(901, { ext: { clusterName: 'DefaultCluster', brokerName: 'broker-a' } })
    expect(group.body.toString()).toBe(
      '{"brokerMemberGroup":{"brokerAddrs":{0:"10.0.0.1:10911"},"brokerName":"broker-a","cluster":"DefaultCluster"}}',
    )
    expect((await client.ask(106)).body.toString()).toBe(
      '{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"10.0.0.1:10911"},"brokerName":"broker-a","cluster":"DefaultCluster",' +
        '"enableActingMaster":false}},"clusterAddrTable":{"DefaultCluster":["broker-a"]}}',
    )
    const nobody = await client.ask(901, { ext: { clusterName: 'c', brokerName: 'nobody' } })
    expect(nobody).toMatchObject({ code: 0 })
    expect(json(nobody.body).brokerMemberGroup.brokerAddrs).toEqual({})
  })

  test('WIPE_ and ADD_WRITE_PERM_OF_BROKER count topics', async () => {
    await client.ask(103, registration())
    expect(await client.ask(205, { ext: { brokerName: 'broker-a' } })).toMatchObject({
      code: 0,
      ext: { wipeTopicCount: '2' },
    })
    expect(await client.ask(327, { ext: { brokerName: 'broker-a' } })).toMatchObject({
      code: 0,
      ext: { addTopicCount: '2' },
    })
    expect(await client.ask(205, { ext: { brokerName: 'nobody' } })).toMatchObject({
      code: 0,
      ext: { wipeTopicCount: '0' },
    })
  })
})

describe('topics', () => {
  test('lists', async () => {
    const topics = [
      topicConfig('Unit', { topicSysFlag: 1 }),
      topicConfig('Sub', { topicSysFlag: 2 }),
      topicConfig('Both', { topicSysFlag: 3 }),
    ]
    await client.ask(103, registration({}, { topics }))
    const list = async (code: number, ext = {}) => json((await client.ask(code, { ext })).body)
    expect(await list(206)).toEqual({ topicList: ['Unit', 'Sub', 'Both'] })
    expect(await list(224, { cluster: 'DefaultCluster' })).toEqual({ topicList: ['Unit', 'Sub', 'Both'] })
    expect(await list(224, { cluster: 'nowhere' })).toEqual({ topicList: [] })
    expect(await list(304)).toEqual({ brokerAddr: '10.0.0.1:10911', topicList: ['DefaultCluster', 'broker-a'] })
    expect([await list(311), await list(312), await list(313)]).toEqual([
      { topicList: ['Unit', 'Both'] },
      { topicList: ['Sub', 'Both'] },
      { topicList: ['Sub'] },
    ])
  })

  test('lists can be switched off', async () => {
    await client.ask(318, { body: 'enableTopicList=false\nenableAllTopicList=false' })
    for (const code of [206, 224, 311, 312, 313])
      expect(await client.ask(code, { ext: { cluster: 'c' } })).toMatchObject({ code: 1, remark: 'disable' })
    expect(await client.ask(304)).toMatchObject({ code: 0 })
  })

  test('REGISTER_TOPIC_IN_NAMESRV adds queues to groups that are there', async () => {
    await client.ask(103, registration())
    const queue = { brokerName: 'broker-a', perm: 6, readQueueNums: 2, writeQueueNums: 2, topicSysFlag: 0 }
    const add = (topic: string, ...queueDatas: object[]) =>
      client.ask(217, { ext: { topic }, body: JSON.stringify({ queueDatas }) })
    expect(await add('Added', queue)).toMatchObject({ code: 0 })
    expect(json((await route('Added')).body).queueDatas).toEqual([queue])
    expect(await add('bad.name', queue)).toMatchObject({ code: 29, remark: expect.stringContaining('bad.name') })
    expect(await add('Deep', { ...queue, readQueueNums: 1e9 })).toMatchObject({
      code: 29,
      remark: expect.stringContaining('readQueueNums'),
    })
    expect(await add('Ghost', queue, { ...queue, brokerName: 'ghost' })).toMatchObject({
      code: 211,
      remark: expect.stringContaining('ghost'),
    })
    expect(await route('Ghost')).toMatchObject({ code: 17 })
    expect(await add('Nothing')).toMatchObject({ code: 0 })
  })

  test('DELETE_TOPIC_IN_NAMESRV takes a cluster or all', async () => {
    await client.ask(103, registration())
    await client.ask(216, { ext: { topic: 'TopicA', clusterName: 'nowhere' } })
    expect(await route('TopicA')).toMatchObject({ code: 0 })
    await client.ask(216, { ext: { topic: 'TopicA', clusterName: 'DefaultCluster' } })
    expect(await route('TopicA')).toMatchObject({ code: 17 })
    await client.ask(216, { ext: { topic: 'TopicB', clusterName: '' } })
    expect(await route('TopicB')).toMatchObject({ code: 17 })
  })
})

describe('configuration', () => {
  test('values are put, found, listed and deleted', async () => {
    const item = { namespace: 'n', key: 'k' }
    expect(await client.ask(101, { ext: item })).toMatchObject({
      code: 22,
      remark: expect.stringContaining('Namespace: n Key: k'),
    })
    expect(await client.ask(219, { ext: { namespace: 'n' } })).toMatchObject({ code: 22 })
    expect(await client.ask(100, { ext: { ...item, value: 'ü' } })).toMatchObject({ code: 0 })
    expect(await client.ask(101, { ext: item })).toMatchObject({ code: 0, ext: { value: 'ü' } })
    expect(json((await client.ask(219, { ext: { namespace: 'n' } })).body)).toEqual({ table: { k: 'ü' } })
    expect(await client.ask(102, { ext: item })).toMatchObject({ code: 0 })
    expect(await client.ask(101, { ext: item })).toMatchObject({ code: 22 })
    expect(json((await client.ask(219, { ext: { namespace: 'n' } })).body)).toEqual({ table: {} })
    expect(await client.ask(100, { ext: item })).toMatchObject({ code: 1, remark: expect.stringContaining('value') })
    expect(await client.ask(100, { ext: { ...item, key: '', value: 'v' } })).toMatchObject({ code: 1 })
  })

  test('its own is shown and changed', async () => {
    expect(await client.ask(318, { body: 'orderMessageEnable=true' })).toEqual({
      code: 0,
      ext: {},
      body: Buffer.alloc(0),
    })
    expect((await client.ask(319)).body.toString()).toContain('orderMessageEnable=true')
    expect(await client.ask(318, { body: 'listenPort=1' })).toMatchObject({
      code: 0,
      remark: expect.stringContaining('restart'),
    })
    expect(await client.ask(318)).toMatchObject({ code: 0 })
  })

  test('keys that do not exist, that may not, and values that cannot be are refused', async () => {
    expect(await client.ask(318, { body: 'kvConfigPath=/tmp/x' })).toMatchObject({
      code: 16,
      remark: expect.stringContaining('Can not update config in black list.'),
    })
    expect(await client.ask(318, { body: 'orderMessageEnabel=true' })).toMatchObject({
      code: 29,
      remark: expect.stringContaining('orderMessageEnabel'),
    })
    expect(await client.ask(318, { body: 'orderMessageEnable=true\nlistenPort=99999' })).toMatchObject({
      code: 29,
      remark: expect.stringContaining('99999'),
    })
    expect((await client.ask(319)).body.toString()).toContain('orderMessageEnable=false')
  })
})

test('every code of a name server is answered, and others are refused with 3', async () => {
  const codes = Object.values(nameserverRequests).map(({ code }) => code)
  expect(codes.sort((a, b) => a - b)).toEqual([
    100, 101, 102, 103, 104, 105, 106, 205, 206, 216, 217, 219, 224, 304, 311, 312, 313, 318, 319, 322, 327, 901, 904,
  ])
  for (const code of codes) expect((await client.ask(code)).code).not.toBe(3)
  for (const code of [0, 10, 310, 9999, 200_050, -1])
    expect(await client.ask(code)).toMatchObject({ code: 3, remark: ` request type ${code} not supported` })
})
