import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { FieldError } from '../errors.ts'
import * as bodies from './index.ts'
import type { Bean } from './shape.ts'

const codecs = Object.entries(bodies as Record<string, unknown>)
  .filter(([, value]) => typeof value === 'object' && value !== null && 'encodeStandard' in value)
  .map(([name, value]) => [name, value as Bean<unknown>] as const)
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')

/** JSON that is near enough to the bodies to reach deep into their codecs. */
const names = [
  'brokerDatas',
  'brokerAddrs',
  'brokerName',
  'queueDatas',
  'topicConfigTable',
  'dataVersion',
  'offsetTable',
  'mqSet',
  'clientID',
  'consumerDataSet',
  'subscriptionDataSet',
  'topic',
  'groupName',
  'table',
  'acks',
  'b',
  'mqTable',
  'statsDay',
  'epochList',
  'clientId',
  'consumerGroup',
]
const { value: near } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(
      'null',
      '0',
      '1',
      '-1',
      '"x"',
      '"1"',
      'true',
      '1.5',
      '9223372036854775807',
      '9223372036854775808',
      '"a\\u0000"',
    ),
    fc.array(tie('value') as fc.Arbitrary<string>, { maxLength: 3 }).map(list => `[${list.join(',')}]`),
    fc
      .array(
        fc.tuple(
          fc.oneof(
            fc.constantFrom(...names.map(name => `"${name}"`)),
            fc.constantFrom('0', '"0"', '{"topic":"t","brokerName":"b"}', '"{\\"topic\\":1}"', '"{"'),
          ),
          tie('value') as fc.Arbitrary<string>,
        ),
        { maxLength: 5 },
      )
      .map(pairs => `{${pairs.map(([key, value]) => `${key}:${value}`).join(',')}}`),
  ),
}))

describe.each(codecs)('%s', (_, codec) => {
  test('returns or throws a FieldError naming the body, for any input; what it returns it can write and read again', () => {
    fc.assert(
      fc.property(fc.oneof(near as fc.Arbitrary<string>, fc.string()), input => {
        let value: unknown
        try {
          value = codec.decode(Buffer.from(input))
        } catch (error) {
          expect(error).toBeInstanceOf(FieldError)
          expect((error as FieldError).field).toMatch(/^body/)
          return
        }
        const encoded = codec.encode(value)
        expect(codec.encode(codec.decode(Buffer.from(encoded)))).toEqual(encoded)
      }),
      { numRuns: 200 },
    )
  })
})

describe('bodies', () => {
  test('enums may be ordinals: what the C++ client sends, and fastjson reads', () => {
    const sent = Buffer.from(
      '{"clientID":"2941-127.0.0.1@DEFAULT","consumerDataSet":[{"consumeFromWhere":4,"consumeType":1,"groupName":"g","messageModel":0}]}',
    )
    expect(bodies.heartbeatData.decode(sent).consumerDataSet[0]).toMatchObject({
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      consumeType: 'CONSUME_PASSIVELY',
      messageModel: 'BROADCASTING',
    })
  })

  test('are refused with the path, the value and what is allowed', () => {
    const refused = (codec: Bean<any>, input: string) => {
      try {
        codec.decode(Buffer.from(input))
      } catch (error) {
        return (error as Error).message
      }
      return undefined
    }
    expect(refused(bodies.topicRouteData, '{"queueDatas":[{"brokerName":"b","perm":"six"}]}')).toBe(
      'field body.queueDatas[0].perm: "six" is not an integer from -2147483648 to 2147483647',
    )
    expect(refused(bodies.heartbeatData, '{}')).toBe('field body.clientID: is required and was not sent')
    expect(
      refused(bodies.heartbeatData, '{"clientID":"c","consumerDataSet":[{"groupName":"g","messageModel":"ALL"}]}'),
    ).toBe('field body.consumerDataSet[0].messageModel: "ALL" is not one of BROADCASTING, CLUSTERING, LITE_SELECTIVE')
    expect(
      refused(bodies.heartbeatData, '{"clientID":"c","consumerDataSet":[{"groupName":"g","consumeType":3}]}'),
    ).toBe(
      'field body.consumerDataSet[0].consumeType: 3 is not one of CONSUME_ACTIVELY, CONSUME_PASSIVELY, CONSUME_POP',
    )
    expect(refused(bodies.clusterInfo, '[]')).toBe('field body: a list is not an object')
    expect(refused(bodies.clusterInfo, '{"a')).toContain('field body: JSON at character')
    expect(refused(bodies.consumeStats, '{"offsetTable":{"x":{}}}')).toBe(
      'field body.offsetTable key "x": "x" is not an object',
    )
  })

  test('of absent fields are what Java starts with', () => {
    expect(
      text(
        bodies.subscriptionGroupConfig.encode(bodies.subscriptionGroupConfig.decode(Buffer.from('{"groupName":"g"}'))),
      ),
    ).toBe(
      '{"attributes":{},"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,"consumeFromMinEnable":true,"consumeMessageOrderly":false,"consumeTimeoutMinute":15,"groupName":"g","groupRetryPolicy":{"type":"CUSTOMIZED"},"groupSysFlag":0,"notifyConsumerIdsChangedEnable":true,"retryMaxTimes":16,"retryQueueNums":1,"whichBrokerWhenConsumeSlowly":1}',
    )
    expect(text(bodies.consumeStats.encode(bodies.consumeStats.decode(Buffer.from('{}'))))).toBe(
      '{"consumeTps":0.0,"offsetTable":{}}',
    )
  })

  test('a route in both dialects', () => {
    const route: bodies.TopicRouteData = {
      brokerDatas: [
        {
          brokerAddrs: new Map([
            [1, 'b:1'],
            [0, 'a:1'],
          ]),
          brokerName: 'broker-a',
          cluster: 'c',
          enableActingMaster: false,
        },
      ],
      filterServerTable: new Map(),
      queueDatas: [],
    }
    const plain =
      '{"brokerDatas":[{"brokerAddrs":{1:"b:1",0:"a:1"},"brokerName":"broker-a","cluster":"c","enableActingMaster":false}],"filterServerTable":{},"queueDatas":[]}'
    expect(text(bodies.topicRouteData.encode(route))).toBe(plain)
    expect(text(bodies.topicRouteData.encodeStandard(route))).toBe(
      plain.replace('{1:"b:1",0:"a:1"}', '{"0":"a:1","1":"b:1"}'),
    )
    expect(
      bodies.topicRouteData.decode(bodies.topicRouteData.encodeStandard(route)).brokerDatas[0]!.brokerAddrs.get(0),
    ).toBe('a:1')
  })

  test('topicSynFlag of old releases is read as topicSysFlag, long names of BatchAck as its short ones', () => {
    expect(bodies.queueData.decode(Buffer.from('{"brokerName":"b","topicSynFlag":2}')).topicSysFlag).toBe(2)
    expect(bodies.batchAck.decode(Buffer.from('{"consumerGroup":"g","bitSet":"AQI="}'))).toMatchObject({
      c: 'g',
      b: Buffer.from([1, 2]),
    })
    expect(bodies.batchAck.decode(Buffer.from('{"b":[1,-1]}')).b).toEqual(Buffer.from([1, 255]))
  })

  test('64 bits are kept where each of them counts, and saturate where they mean "no limit"', () => {
    const cache = bodies.epochEntryCache.decode(
      Buffer.from('{"epochList":[{"endOffset":9223372036854775807,"epoch":1}],"maxOffset":9223372036854775807}'),
    )
    expect(cache.epochList[0]!.endOffset).toBe(9223372036854775807n)
    expect(cache.maxOffset).toBe(Number.MAX_SAFE_INTEGER)
    expect(text(bodies.epochEntryCache.encode(cache))).toContain('"endOffset":9223372036854775807')
  })

  test('versions of metadata are ordered by state, then counter, then time', () => {
    const version = (stateVersion: number, counter: number, timestamp: number) => ({ stateVersion, counter, timestamp })
    expect(bodies.compareDataVersions(version(1, 0, 0), version(0, 9, 9))).toBeGreaterThan(0)
    expect(bodies.compareDataVersions(version(0, 1, 9), version(0, 2, 0))).toBeLessThan(0)
    expect(bodies.sameDataVersion(version(1, 2, 3), version(1, 2, 3))).toBe(true)
  })
})

describe('a compressed registration', () => {
  const registration = bodies.registerBrokerBody.decode(
    Buffer.from(
      '{"filterServerList":["f:1"],"topicConfigSerializeWrapper":{"dataVersion":{"counter":3,"stateVersion":1,"timestamp":9},"topicConfigTable":{"T":{"topicName":"T","perm":4,"attributes":{"message.type":"FIFO","x":"a b"}},"U":{"topicName":"U"}},"topicQueueMappingInfoMap":{"T":{"topic":"T","bname":"b","currIdMap":{0:1},"totalQueues":2}}}}',
    ),
  )

  test('comes back as it was written, mappings from 5.0 on', () => {
    const now = bodies.encodeCompressedRegisterBrokerBody(registration, 513)
    expect(bodies.decodeCompressedRegisterBrokerBody(now, 513)).toEqual(registration)
    expect(bodies.decodeRegisterBrokerBody(now, 513)).toEqual(registration)
    const old = bodies.decodeCompressedRegisterBrokerBody(
      bodies.encodeCompressedRegisterBrokerBody(registration, 401),
      401,
    )
    // Before 5.0 a topic has no attributes; its name server refuses a sixth word.
    expect(old.topicConfigSerializeWrapper.topicConfigTable.get('T')).toMatchObject({ perm: 4, attributes: new Map() })
    expect(old.topicConfigSerializeWrapper.topicQueueMappingInfoMap.size).toBe(0)
  })

  test('is told from a plain one by its bytes', () => {
    expect(bodies.decodeRegisterBrokerBody(bodies.registerBrokerBody.encode(registration), 513)).toEqual(registration)
  })

  test('never makes more than is allowed', () => {
    const bytes = bodies.encodeCompressedRegisterBrokerBody(registration, 513)
    expect(() => bodies.decodeCompressedRegisterBrokerBody(bytes, 513, 100)).toThrow(
      'longer than the 100 bytes allowed',
    )
  })

  test('that is cut or changed is read or refused with a FieldError', async () => {
    const { deflateSync, inflateSync } = await import('node:zlib')
    const content = inflateSync(bodies.encodeCompressedRegisterBrokerBody(registration, 513))
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), fc.nat(), (at, value, end) => {
        const changed = Buffer.from(content)
        changed[at % changed.length] = value
        const bytes = deflateSync(changed.subarray(0, end % (changed.length + 1)))
        try {
          bodies.decodeCompressedRegisterBrokerBody(bytes, 513)
        } catch (error) {
          expect(error).toBeInstanceOf(FieldError)
        }
        expect(() => bodies.decodeCompressedRegisterBrokerBody(bytes.subarray(1), 513)).toThrow(FieldError)
      }),
      { numRuns: 500 },
    )
  })
})

describe('Java properties', () => {
  test.each([
    [
      'a=1\nb = 2\nc:3\nd 4\n',
      [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
        ['d', '4'],
      ],
    ],
    [
      '# no\n! no\n\n  a=1\r\nb=\\\n   two\\\n   lines\n',
      [
        ['a', '1'],
        ['b', 'twolines'],
      ],
    ],
    ['a\\=b=c\\u0041\\t\\x\n', [['a=b', 'cA\tx']]],
    ['a', [['a', '']]],
    [
      'path=C:\\\\x\na=1\na=2',
      [
        ['path', 'C:\\x'],
        ['a', '2'],
      ],
    ],
    ['a=1\\', [['a', '1']]],
  ])('%j', (input, pairs) => expect([...bodies.parseJavaProperties(input)]).toEqual(pairs))

  test('come back as they were written', () => {
    const words = fc.string({
      unit: fc.constantFrom('a', ' ', '=', ':', '#', '!', '\\', '\n', '\r', '\t', '\f', 'u', '0', 'é'),
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(words, words)), pairs => {
        const map = new Map(pairs)
        expect(bodies.parseJavaProperties(bodies.printJavaProperties(map))).toEqual(map)
        expect(bodies.javaProperties.decode(Buffer.from(bodies.javaProperties.encode(map)))).toEqual(map)
      }),
      { numRuns: 500 },
    )
  })

  test('of a plain answer are not escaped', () => {
    expect(bodies.printPlainProperties(new Map([['a', 'b\\c:d']]))).toBe('a=b\\c:d\n')
  })
})
