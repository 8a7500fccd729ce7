import { expect, test } from '@jest/globals'
import { decodeProperties, encodeHost, encodeProperties, encodeRecord, recordSize } from '@rocketcluster/protocol'
import fc from 'fast-check'
import { RecordProperties } from './record-properties.ts'

const NAMES = ['a', 'ab', 'é', 'TAGS']

test('whatever the bytes, the named properties are those that the whole decoding finds', () => {
  const piece = fc.constantFrom('a', 'ab', 'é', 'TAGS', 'b', '\x01', '\x02', '1', '-7', '\x00')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), pieces => {
      const bytes = Buffer.from(pieces.join(''))
      const properties = new RecordProperties(NAMES)
      properties.read(bytes, 0, bytes.length)
      const decoded = decodeProperties(bytes)
      for (const [index, name] of NAMES.entries()) {
        expect(properties.text(index)).toBe(decoded.get(name))
        expect(properties.has(index)).toBe(decoded.has(name))
      }
    }),
    { numRuns: 1000 },
  )
})

test('of one record nothing is left when the next is read', () => {
  const properties = new RecordProperties(['a', 'b'])
  const first = Buffer.from('a\x01one\x02b\x012\x02')
  properties.read(first, 0, first.length)
  expect([properties.text(0), properties.shortInteger(1, 9)]).toEqual(['one', 2])
  const second = Buffer.from('b\x01-0\x02')
  properties.read(second, 0, second.length)
  expect([properties.text(0), properties.text(1), properties.shortInteger(1, 9)]).toEqual([undefined, '-0', 0])
})

test.each(['127.0.0.1', '::1'])('they are found in records of every shape, hosts like %s', address => {
  for (const topic of ['T', '%RETRY%'.padEnd(127, 'g'), '%RETRY%'.padEnd(200, 'g')])
    for (const body of ['', 'a\x01no\x02']) {
      const message = {
        topic: Buffer.from(topic),
        queueId: 3,
        flag: 1,
        sysFlag: 0,
        bornTimestamp: 5,
        bornHost: encodeHost(address, 1234),
        storeHost: encodeHost('10.0.0.1', 10911),
        reconsumeTimes: 0,
        preparedTransactionOffset: 0,
        body: Buffer.from(body),
        properties: encodeProperties(new Map([['a', 'yes']])),
      }
      const record = Buffer.alloc(recordSize(message))
      encodeRecord(record, 0, message, 1, 2, 3)
      const properties = new RecordProperties(['a'])
      properties.readRecord(record)
      expect(properties.text(0)).toBe('yes')
    }
})
