// Bytes recorded between Apache's own client, mqadmin, broker and name server (protocol/captures/README.md):
// we read them all, and write back byte for byte what we claim to write as Apache does.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import * as bodies from './bodies/index.ts'
import type { Bean } from './bodies/shape.ts'
import { parse, print } from './json/fastjson.ts'
import {
  checkRecord,
  countBatchItems,
  createOffsetMsgId,
  decodeBatch,
  decodeProperties,
  decodeRecords,
  decompress,
  encodeBatch,
  encodeHost,
  encodeProperties,
  encodeRecord,
  parseOffsetMsgId,
  parseUniqKey,
  recordSize,
} from './messages/index.ts'

const DIRECTORY = new URL('../captures/', import.meta.url)
const PREFIX = 'apache-5.5.0-'

/** Header as text and body of one frame (section 1.1: length 4, serialize type 1, header length 3, header, body). */
function frame(name: string): { header: Buffer; body: Buffer; isJson: boolean } {
  const bytes = readFileSync(new URL(`${PREFIX}${name}.bin`, DIRECTORY))
  expect(bytes.readInt32BE(0)).toBe(bytes.length - 4)
  const headerEnd = 8 + bytes.readUIntBE(5, 3)
  return { header: bytes.subarray(8, headerEnd), body: bytes.subarray(headerEnd), isJson: bytes[4] === 0 }
}

/** The captures were taken in UTC. */
const utcClock = (now: number) => ({
  now: () => now,
  localTime(timestamp: number) {
    const [year, month, day, hour, minute, second, millisecond] = new Date(timestamp)
      .toISOString()
      .split(/[-T:.Z]/)
      .map(Number) as [number, number, number, number, number, number, number]
    return { year, month, day, hour, minute, second, millisecond }
  },
})

const extFields = (name: string): Record<string, string> => JSON.parse(frame(name).header.toString('utf8')).extFields
const allNames = readdirSync(DIRECTORY)
  .filter(file => file.startsWith(PREFIX) && file.endsWith('.bin'))
  .map(file => file.slice(PREFIX.length, -'.bin'.length))

describe('JSON headers', () => {
  test.each(allNames.filter(name => frame(name).isJson))('%s prints as it was sent', name => {
    const { header } = frame(name)
    const parsed = parse(header.toString('utf8')) as { extFields?: Record<string, string> }
    // extFields is a Java map: its order is its own.
    const asMap = parsed.extFields && { extFields: new Map(Object.entries(parsed.extFields)) }
    expect(print({ ...parsed, ...asMap } as never)).toBe(header.toString('utf8'))
  })
})

const beans: [capture: string, codec: Bean<any>][] = [
  ['consume-message-directly-response', bodies.consumeMessageDirectlyResult],
  ['get-all-producer-info-response', bodies.producerTableInfo],
  ['get-all-subscriptiongroup-config-response', bodies.subscriptionGroupWrapper],
  ['get-all-topic-config-response', bodies.topicConfigAndMappingSerializeWrapper],
  ['get-all-topic-list-from-nameserver-response', bodies.topicList],
  ['get-broker-cluster-info-response', bodies.clusterInfo],
  ['get-broker-consume-stats-response', bodies.consumeStatsList],
  ['get-broker-ha-status-response', bodies.haRuntimeInfo],
  ['get-consume-stats-response', bodies.consumeStats],
  ['get-consumer-connection-list-response', bodies.consumerConnection],
  ['get-consumer-list-by-group-response', bodies.getConsumerListByGroupResponseBody],
  ['get-consumer-running-info-response', bodies.consumerRunningInfo],
  ['get-consumer-status-from-client-response', bodies.getConsumerStatusBody],
  ['get-producer-connection-list-response', bodies.producerConnection],
  ['get-routeinfo-by-topic-old-client-response', bodies.topicRouteData],
  ['get-topic-config-response', bodies.topicConfig],
  ['get-topic-stats-info-response', bodies.topicStatsTable],
  ['heart-beat-request', bodies.heartbeatData],
  ['invoke-broker-to-get-consumer-status-response', bodies.getConsumerStatusBody],
  ['invoke-broker-to-reset-offset-response', bodies.resetOffsetBody],
  ['lock-batch-mq-request', bodies.lockBatchRequestBody],
  ['lock-batch-mq-response', bodies.lockBatchResponseBody],
  ['query-consume-queue-response', bodies.queryConsumeQueueResponseBody],
  ['query-consume-time-span-response', bodies.queryConsumeTimeSpanBody],
  ['query-topic-consume-by-who-response', bodies.groupList],
  ['register-broker-request', bodies.registerBrokerBody],
  ['set-message-request-mode-request', bodies.setMessageRequestModeRequestBody],
  ['unlock-batch-mq-request', bodies.unlockBatchRequestBody],
  ['update-and-create-subscriptiongroup-request', bodies.subscriptionGroupConfig],
  ['view-broker-stats-data-response', bodies.brokerStatsData],
]

describe('JSON bodies', () => {
  test.each(beans)('%s is read, and written back byte for byte', (name, codec) => {
    const { body } = frame(name)
    expect(codec.encode(codec.decode(body)).toString('utf8')).toBe(body.toString('utf8'))
  })

  test('a route for clients from 4.9.4 on is standard JSON', () => {
    const { body } = frame('get-routeinfo-by-topic-response')
    const route = bodies.topicRouteData.decode(body)
    expect(bodies.topicRouteData.encodeStandard(route).toString('utf8')).toBe(body.toString('utf8'))
    expect(bodies.topicRouteData.decode(frame('get-routeinfo-by-topic-old-client-response').body)).toEqual(route)
  })

  test('every JSON body is among those that are tested', () => {
    const tested = new Set([...beans.map(([name]) => name), 'get-routeinfo-by-topic-response'])
    const binary = (name: string) => name.startsWith('binary-header')
    expect(allNames.filter(name => !binary(name) && frame(name).body[0] === 0x7b && !tested.has(name))).toEqual([])
  })
})

test('a compressed registration is read though its header denies it', () => {
  const { compressed } = extFields('register-broker-compressed-request')
  const { body } = frame('register-broker-compressed-request')
  expect(compressed).toBe('false')
  const { topicConfigSerializeWrapper } = bodies.decodeRegisterBrokerBody(body, 513)
  expect(topicConfigSerializeWrapper.topicConfigTable.get('TBW102')).toMatchObject({
    perm: 7,
    readQueueNums: 8,
    writeQueueNums: 8,
  })
  const registration = bodies.decodeRegisterBrokerBody(body, 513)
  expect(bodies.decodeRegisterBrokerBody(bodies.encodeCompressedRegisterBrokerBody(registration, 513), 513)).toEqual(
    registration,
  )
})

describe('records', () => {
  test.each([
    'pull-message-response',
    'query-message-response',
    'view-message-by-id-response',
    'binary-header-pull-message-response',
  ])('%s is read, and written back byte for byte', name => {
    const { body } = frame(name)
    const messages = decodeRecords(body)
    expect(messages.length).toBeGreaterThan(0)
    const written = messages.map(message => {
      const record = {
        topic: Buffer.from(message.topic),
        queueId: message.queueId,
        flag: message.flag,
        sysFlag: message.sysFlag,
        bornTimestamp: message.bornTimestamp,
        bornHost: encodeHost(message.bornHost.address, message.bornHost.port),
        storeHost: encodeHost(message.storeHost.address, message.storeHost.port),
        reconsumeTimes: message.reconsumeTimes,
        preparedTransactionOffset: message.preparedTransactionOffset,
        body: message.storedBody,
        properties: encodeProperties(message.properties),
      }
      const into = Buffer.alloc(recordSize(record))
      encodeRecord(into, 0, record, message.queueOffset, message.physicalOffset, message.storeTimestamp)
      return into
    })
    expect(Buffer.concat(written).toString('hex')).toBe(body.toString('hex'))
    expect(checkRecord(body, 0)).toMatchObject({ kind: 'record', physicalOffset: messages[0]!.physicalOffset })
  })

  test('carry what was sent', () => {
    const [message] = decodeRecords(frame('query-message-response').body)
    expect(message!.body.toString()).toBe('hello')
    expect(message!.topic).toBe('CaptureTopic')
    expect(message!.flag).toBe(7)
    expect(message!.tags).toBe('TagA')
    expect(message!.keys).toEqual(['key1', 'key2'])
    expect(message!.property('city')).toBe('東京')
    expect(message!.property('CLUSTER')).toBe('DefaultCluster')
    const { msgId, transactionId } = extFields('send-message-v2-response')
    expect(message!.offsetMsgId).toBe(msgId)
    expect(message!.msgId).toBe(transactionId)
    const key = parseUniqKey(message!.msgId, utcClock(message!.bornTimestamp + 1000))
    expect(Math.abs(key.timestamp - message!.bornTimestamp)).toBeLessThan(1000)
    const { host, physicalOffset } = parseOffsetMsgId(msgId!)
    expect(createOffsetMsgId(encodeHost(host.address, host.port), physicalOffset)).toBe(msgId)
  })

  test('hold compressed bodies', () => {
    const messages = decodeRecords(frame('pull-message-response').body)
    const sizes = messages.filter(message => message.sysFlag & 1).map(message => message.body.length)
    for (const size of sizes) expect(size).toBe(6000)
  })
})

describe('compressed sends', () => {
  test.each([
    ['zlib', 'ZLIB', 0x301],
    ['lz4', 'LZ4', 0x101],
    ['zstd', 'ZSTD', 0x201],
  ] as const)('%s', (name, type, sysFlag) => {
    expect(extFields(`send-message-v2-${name}-request`).f).toBe(String(sysFlag))
    const body = decompress(type, frame(`send-message-v2-${name}-request`).body)
    expect(body).toHaveLength(6000)
    expect(body.every((byte, i) => byte === 97 + ((Math.floor(i / 40) + i) % 23))).toBe(true)
  })
})

test.each(['send-batch-message-request', 'binary-header-send-batch-message-request'])('the batch of %s', name => {
  const { body } = frame(name)
  expect(countBatchItems(body)).toBe(3)
  const items = decodeBatch(body)
  expect(items.map(item => item.body.toString())).toEqual(['batch body 0', 'batch body 1', 'batch body 2'])
  expect(items.map(item => decodeProperties(item.properties).get('KEYS'))).toEqual(['batch0', 'batch1', 'batch2'])
  for (const item of items) expect(encodeProperties(decodeProperties(item.properties))).toEqual(item.properties)
  expect(encodeBatch(items)).toEqual(body)
})

describe('config files', () => {
  test.each([
    ['topics', bodies.topicConfigSerializeWrapper],
    ['consumerOffset', bodies.consumerOffset],
    ['subscriptionGroup', bodies.subscriptionGroupWrapper],
    ['delayOffset', bodies.delayOffset],
  ] as [string, Bean<any>][])('%s.json is read, and written back byte for byte', (name, codec) => {
    const text = readFileSync(new URL(`${PREFIX}config-${name}.json`, DIRECTORY), 'utf8')
    expect(codec.printPretty(codec.parse(text))).toBe(text)
  })
})
