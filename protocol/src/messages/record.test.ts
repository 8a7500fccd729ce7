import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MalformedError } from '../errors.ts'
import { decodeRecord, decodeRecords } from './decoded-message.ts'
import { encodeHost } from './host.ts'
import { decodeProperties, encodeProperties } from './properties.ts'
import {
  BLANK_MAGIC,
  checkRecord,
  encodeBlank,
  encodeRecord,
  MESSAGE_MAGIC_V2,
  placeRecord,
  type RecordMessage,
  recordBody,
  recordMagic,
  recordPhysicalOffset,
  recordProperties,
  recordQueueOffset,
  recordSize,
  recordStarts,
  recordStoreTimestamp,
  recordTopic,
  recordTotalSize,
} from './record.ts'
import { sysFlag } from './sys-flag.ts'

const long = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map(array => Buffer.from(array))
const host = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 65535 })).map(([address, port]) => encodeHost(address, port)),
  fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 65535 })).map(([address, port]) => encodeHost(address, port)),
)
const text = fc.string({ minLength: 1, maxLength: 12 }).filter(t => !t.includes('\u0001') && !t.includes('\u0002'))
const properties = fc.array(fc.tuple(text, text), { maxLength: 6 }).map(pairs => encodeProperties(new Map(pairs)))

const message: fc.Arbitrary<RecordMessage> = fc.record({
  topic: fc
    .oneof(fc.constant('T'), fc.constant('a'.repeat(127)), fc.constant('%RETRY%'.padEnd(200, 'g')))
    .map(t => Buffer.from(t)),
  queueId: int,
  flag: int,
  sysFlag: fc.constantFrom(0, sysFlag.TRANSACTION_PREPARED_TYPE, sysFlag.BORNHOST_V6, sysFlag.STOREHOST_V6),
  bornTimestamp: long,
  bornHost: host,
  storeHost: host,
  reconsumeTimes: int,
  preparedTransactionOffset: long,
  body: bytes(300),
  properties,
  extraProperties: fc.option(properties, { nil: undefined }),
})

function encoded(
  value: RecordMessage,
  queueOffset = 7,
  physicalOffset = 12345,
  storeTimestamp = 1_700_000_000_000,
): Buffer {
  const into = Buffer.alloc(recordSize(value))
  expect(encodeRecord(into, 0, value, queueOffset, physicalOffset, storeTimestamp)).toBe(into.length)
  return into
}

describe('a record', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(message, long, long, long, (value, queueOffset, physicalOffset, storeTimestamp) => {
        const record = encoded(value, queueOffset, physicalOffset, storeTimestamp)
        const read = decodeRecord(record)
        expect(read).toMatchObject({
          topic: value.topic.toString(),
          queueId: value.queueId,
          flag: value.flag,
          queueOffset,
          physicalOffset,
          storeTimestamp,
          bornTimestamp: value.bornTimestamp,
          reconsumeTimes: value.reconsumeTimes,
          preparedTransactionOffset: value.preparedTransactionOffset,
          storeSize: record.length,
        })
        expect(encodeHost(read.bornHost.address, read.bornHost.port)).toEqual(value.bornHost)
        expect(encodeHost(read.storeHost.address, read.storeHost.port)).toEqual(value.storeHost)
        expect(read.body).toEqual(value.body)
        const all = new Map([
          ...decodeProperties(value.properties as Buffer),
          ...decodeProperties((value.extraProperties ?? Buffer.alloc(0)) as Buffer),
        ])
        expect(read.properties).toEqual(all)
      }),
    )
  })

  test('shows its parts without being decoded', () => {
    fc.assert(
      fc.property(message, value => {
        const record = Buffer.concat([Buffer.alloc(5), encoded(value), Buffer.alloc(3)])
        expect(recordQueueOffset(record, 5)).toBe(7)
        expect(recordPhysicalOffset(record, 5)).toBe(12345)
        expect(recordStoreTimestamp(record, 5)).toBe(1_700_000_000_000)
        expect(recordTopic(record, 5)).toBe(value.topic.toString())
        expect(recordBody(record, 5)).toEqual(value.body)
        expect(recordProperties(record, 5).subarray(0, value.properties.length)).toEqual(value.properties)
        const check = checkRecord(record, 5)
        expect(check).toMatchObject({ kind: 'record', size: record.length - 8, bodyLength: value.body.length })
        placeRecord(record, 5, 1, 2, 3)
        expect(checkRecord(record, 5)).toMatchObject({
          kind: 'record',
          queueOffset: 1,
          physicalOffset: 2,
          storeTimestamp: 3,
        })
      }),
    )
  })

  test('takes the two-byte form for topics beyond 127 bytes', () => {
    const value = { ...fc.sample(message, 1)[0]!, topic: Buffer.from('%RETRY%'.padEnd(128, 'g')) }
    expect(recordMagic(encoded(value), 0)).toBe(MESSAGE_MAGIC_V2)
  })

  test('gets a separator between properties that lack their last one and those that the broker adds', () => {
    const value = fc.sample(message, 1)[0]!
    const record = encoded({
      ...value,
      properties: Buffer.from('TAGS\u0001A'),
      extraProperties: Buffer.from('CLUSTER\u0001c\u0002'),
    })
    expect([...decodeRecord(record).properties]).toEqual([
      ['TAGS', 'A'],
      ['CLUSTER', 'c'],
    ])
  })

  test('is refused, and nothing written, when it does not fit', () => {
    const value = fc.sample(message, 1)[0]!
    const into = Buffer.alloc(recordSize(value) - 1)
    expect(() => encodeRecord(into, 0, value, 0, 0, 0)).toThrow(RangeError)
    expect(into.every(byte => byte === 0)).toBe(true)
    const tooLong = { ...value, properties: Buffer.alloc(32768), extraProperties: undefined }
    expect(() => encodeRecord(Buffer.alloc(100_000), 0, tooLong, 0, 0, 0)).toThrow(
      'properties of 32768 bytes exceed 32767',
    )
  })

  test('with any one byte changed is never mistaken in its size, and a changed body is found', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, change) => {
        const record = encoded(value)
        const place = at % record.length
        record[place]! ^= change
        const check = checkRecord(record, 0)
        if (check.kind === 'record') expect(check.size).toBe(record.length)
        const whole = checkRecord(encoded(value), 0)
        if (whole.kind === 'record' && place >= whole.bodyAt && place < whole.bodyAt + whole.bodyLength)
          expect(check.kind).toBe('bad')
      }),
      { numRuns: 500 },
    )
  })

  test('that is cut short is bad, and says how much is missing', () => {
    const record = encoded(fc.sample(message, 1)[0]!)
    for (let end = 0; end < record.length; end++) {
      const check = checkRecord(record, 0, end)
      expect(check).toMatchObject({ kind: 'bad', needs: end < 8 ? 8 : record.length })
    }
  })

  test('any bytes at all are a record, a blank or bad, and decoding throws nothing but MalformedError', () => {
    const magic = fc.constantFrom(-626843481, -626843477, BLANK_MAGIC)
    const headed = fc.tuple(bytes(300), fc.nat(300), magic).map(([tail, size, word]) => {
      const head = Buffer.alloc(8)
      head.writeInt32BE(size)
      head.writeInt32BE(word, 4)
      return Buffer.concat([head, tail])
    })
    fc.assert(
      fc.property(fc.oneof(bytes(200), headed), input => {
        expect(['record', 'blank', 'bad']).toContain(checkRecord(input, 0, input.length, false).kind)
        for (const decode of [
          () => decodeRecord(input, 0, { checkCrc: false }),
          () => decodeRecords(input),
          () => recordStarts(input),
        ]) {
          try {
            decode()
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedError)
          }
        }
      }),
      { numRuns: 1000 },
    )
  })
})

test('a blank says how much of the file is left', () => {
  const into = Buffer.alloc(20)
  encodeBlank(into, 4, 1000)
  expect(checkRecord(into, 4)).toEqual({ kind: 'blank', size: 1000 })
  expect(() => encodeBlank(into, 4, 7)).toThrow(RangeError)
  expect(() => encodeBlank(into, 13, 8)).toThrow(RangeError)
})

test('zeros, the unwritten rest of a file, are no record', () => {
  expect(checkRecord(Buffer.alloc(100), 0)).toMatchObject({ kind: 'bad', why: 'magic 0x0 is none of a record' })
})

test('records one behind the other', () => {
  const [a, b] = fc.sample(message, 2).map(value => encoded(value)) as [Buffer, Buffer]
  const body = Buffer.concat([a, b])
  expect(recordStarts(body)).toEqual([0, recordTotalSize(a, 0)])
  expect(decodeRecords(body)).toHaveLength(2)
  expect(() => decodeRecords(body.subarray(0, body.length - 1))).toThrow(/^record 1 at byte/)
})
