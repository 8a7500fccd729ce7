import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeHeader, encodeHeader } from '../command.ts'
import { FieldError } from '../errors.ts'
import type { Fields } from '../fields.ts'
import { compileHeader } from '../header-codec.ts'
import { HeaderScanner } from '../hot/scanner.ts'
import { frameOf } from '../testing/commands.ts'
import {
  authListUser,
  brokerRequests,
  checkRocksdbCqWriteProgress,
  clientRequests,
  controllerGetSyncStateData,
  controllerRequests,
  getMaxOffset,
  getTopicConfig,
  nameserverRequests,
  queryMessage,
  requestByCode,
  requestsByCode,
  searchOffsetByTimestamp,
  sendMessageV2,
} from './index.ts'

const SETS = { brokerRequests, nameserverRequests, clientRequests, controllerRequests }

describe('the declarations', () => {
  test('every file is in a set under its own name', () => {
    const files = readdirSync(import.meta.dirname).filter(file => /^[a-z0-9-]+\.ts$/.test(file) && file !== 'index.ts')
    const names = files.map(file => file.slice(0, -3).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()))
    const declared = Object.values(SETS).flatMap(set => Object.keys(set))
    expect([...new Set(declared)].sort()).toEqual(names.sort())
  })

  test.each(Object.entries(SETS))('no two of %s have one code', (_, set) => {
    expect(requestsByCode(set).size).toBe(Object.keys(set).length)
  })

  test('a code means one request wherever it is served', () => {
    const all = Object.values(SETS).flatMap(set => Object.entries(set))
    for (const [name, request] of all) expect(requestByCode.get(request.code)).toEqual({ name, request })
    expect(requestByCode.get(310)?.name).toBe('sendMessageV2')
    expect(requestByCode.get(22)).toBeUndefined()
  })

  test('no two fields of a header share a name on the wire', () => {
    for (const { request } of requestByCode.values())
      for (const fields of [request.header, request.reply] as Fields[]) {
        const names = Object.entries(fields).map(([key, field]) => field.wireName ?? key)
        expect(new Set(names).size).toBe(names.length)
      }
  })

  test('no reply field has a name that answers use for other things', () => {
    for (const { request } of requestByCode.values())
      for (const name of ['status', 'remark', 'ext', 'body', 'written'])
        expect(Object.keys(request.reply)).not.toContain(name)
  })
})

describe('header codecs', () => {
  /** Values of any field, found by what its decoder accepts. */
  const anyText = fc.oneof(
    fc.string(),
    fc.integer().map(String),
    fc.constantFrom('true', 'false', 'LOWER', 'UPPER', ''),
  )

  test('what is decoded is encoded to the same values', () => {
    for (const { request } of requestByCode.values()) {
      const codec = compileHeader(request.header as Fields)
      const wireNames = Object.entries(request.header as Fields).map(([key, field]) => field.wireName ?? key)
      const ext = fc
        .tuple(...wireNames.map(() => fc.option(anyText, { nil: undefined })))
        .map(texts =>
          Object.fromEntries(wireNames.map((name, i) => [name, texts[i]]).filter(([, text]) => text !== undefined)),
        )
      fc.assert(
        fc.property(ext, given => {
          let values: Record<string, unknown>
          try {
            values = codec.decode(given)
          } catch (error) {
            expect(error).toBeInstanceOf(FieldError)
            return
          }
          expect(codec.decode(codec.encode(values as never))).toEqual(values)
        }),
        { numRuns: 30 },
      )
    }
  })

  test('defaults, names and unknown fields', () => {
    expect(compileHeader(getMaxOffset.header).decode({ topic: 'T', queueId: '-0', surprise: 'x' })).toEqual({
      topic: 'T',
      queueId: 0,
      committed: true,
    })
    expect(compileHeader(sendMessageV2.header).encode({ ...send, properties: 'p' })).toEqual({
      a: 'g',
      b: 'T',
      c: 'TBW102',
      d: '4',
      e: '-1',
      f: '0',
      g: '1763831463000',
      h: '7',
      i: 'p',
      k: 'false',
      m: 'false',
    })
    expect(
      compileHeader(queryMessage.header).decode({
        topic: 'T',
        key: 'k',
        maxNum: '1',
        beginTimestamp: '0',
        endTimestamp: '9223372036854775807',
        _UNIQUE_KEY_QUERY: 'true',
      }),
    ).toMatchObject({
      endTimestamp: Number.MAX_SAFE_INTEGER,
      uniqueKeyQuery: true,
    })
    const boundary = (text?: string) =>
      compileHeader(searchOffsetByTimestamp.header).decode({
        topic: 'T',
        queueId: '0',
        timestamp: '1',
        ...(text && { boundaryType: text }),
      }).boundaryType
    expect(['UPPER', 'upper', 'lower', 'x', undefined].map(boundary)).toEqual([
      'UPPER',
      'UPPER',
      'LOWER',
      'LOWER',
      'LOWER',
    ])
  })

  test('a missing or wrong field is named', () => {
    expect(() => compileHeader(getMaxOffset.header).decode({ topic: 'T' })).toThrow(
      'field queueId: is required and was not sent',
    )
    expect(() => compileHeader(sendMessageV2.header).decode({ a: 'g', b: 'T', c: 'D', d: '4x' })).toThrow(
      'field defaultTopicQueueNums: "4x" is not an integer from -2147483648 to 2147483647',
    )
    expect(() => compileHeader(getMaxOffset.header).encode({ topic: 'T' })).toThrow(
      'field queueId: is required and was not given',
    )
    expect(() => compileHeader(getMaxOffset.header).decode(Object.create({ topic: 'T', queueId: 7 }))).toThrow(
      FieldError,
    )
  })

  test('a codec is made once', () => {
    expect(compileHeader(getMaxOffset.header)).toBe(compileHeader(getMaxOffset.header))
  })
})

const send = {
  producerGroup: 'g',
  topic: 'T',
  defaultTopic: 'TBW102',
  defaultTopicQueueNums: 4,
  queueId: -1,
  sysFlag: 0,
  bornTimestamp: 1_763_831_463_000,
  flag: 7,
}

describe('bodies declared here', () => {
  test('lists', () => {
    expect(controllerGetSyncStateData.body!.decode(Buffer.from('["a","b"]'))).toEqual(['a', 'b'])
    expect(Buffer.from(controllerGetSyncStateData.body!.encode(['a'])).toString()).toBe('["a"]')
    expect(authListUser.replyBody!.decode(Buffer.from('[{"username":"u"}]'))).toMatchObject([{ username: 'u' }])
    expect(() => authListUser.replyBody!.decode(Buffer.from('{}'))).toThrow(FieldError)
  })

  test('a topic with and without its mapping', () => {
    const codec = getTopicConfig.replyBody!
    const plain = codec.decode(Buffer.from('{"topicName":"T","perm":6}'))
    expect(plain).toMatchObject({ topicName: 'T', perm: 6 })
    expect('mappingDetail' in plain).toBe(false)
    expect(codec.decode(Buffer.from(codec.encode(plain)))).toEqual(plain)
    const mapped = codec.decode(
      Buffer.from('{"topicName":"T","mappingDetail":{"bname":"b","currIdMap":{0:1},"totalQueues":2}}'),
    )
    expect(mapped.mappingDetail).toMatchObject({ bname: 'b', currIdMap: new Map([[0, 1]]), totalQueues: 2 })
    expect(codec.decode(Buffer.from(codec.encode(mapped)))).toEqual(mapped)
    for (const bad of ['[', 'null', '7', '{"mappingDetail":7}'])
      expect(() => codec.decode(Buffer.from(bad))).toThrow(FieldError)
  })

  test('the result of a check', () => {
    expect(checkRocksdbCqWriteProgress.replyBody!.decode(Buffer.from('{"checkResult":"ok"}'))).toEqual({
      checkResult: 'ok',
      checkStatus: 0,
    })
  })
})

const CAPTURES = new URL('../../captures/', import.meta.url)
const captures = readdirSync(CAPTURES).filter(file => file.endsWith('.bin'))
const captured = (file: string) => readFileSync(new URL(file, CAPTURES))

/** What every client header may carry (RpcRequestHeader.java, TopicRequestHeader.java); handlers find it in `ext`. */
const COMMON = ['ns', 'nsd', 'bname', 'oway', 'lo']

describe('what Apache sends', () => {
  test.each(captures)('%s', file => {
    const bytes = captured(file)
    const frame = frameOf(bytes)
    const header = decodeHeader(frame)
    expect(new HeaderScanner([]).scan(frame)).toBe(true)

    const isRequest = file.endsWith('-request.bin')
    const { code } = isRequest ? header : decodeHeader(frameOf(captured(file.replace('-response', '-request'))))
    const { request } = requestByCode.get(code)!
    const fields = (isRequest ? request.header : request.reply) as Fields
    if (isRequest || header.code === 0) compileHeader(fields).decode(header.extFields)
    const known = new Set([...COMMON, ...Object.entries(fields).map(([key, field]) => field.wireName ?? key)])
    expect(Object.keys(header.extFields).filter(name => !known.has(name))).toEqual([])

    // Written again it is the same, but for a map that Java had empty where we have none, and for the member that says
    // once more how the header is written, which two captured requests leave out.
    const plain = (text: string) => text.replace('"extFields":{},', '').replace(',"serializeTypeCurrentRPC":"JSON"', '')
    const again = encodeHeader(header, frame.end - frame.headerEnd, frame.serializeType).subarray(8)
    expect(plain(again.toString('latin1'))).toBe(plain(bytes.toString('latin1', 8, frame.headerEnd)))
  })
})
