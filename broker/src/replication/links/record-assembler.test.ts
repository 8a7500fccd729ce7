import { expect, test } from '@jest/globals'
import { encodeBlank, encodeRecord, putInt } from '@rocketcluster/protocol/internal'
import fc from 'fast-check'
import { encodeHeader, encodeReport, FrameReader, LinkProtocolError, ReportReader } from './classic-frames.ts'
import { RecordAssembler } from './record-assembler.ts'

const HOST = Buffer.from([127, 0, 0, 1, 0, 0, 0x2a, 0x9f])

function record(at: number, bodyBytes: number): Buffer {
  const buffer = Buffer.alloc(4096)
  const message = {
    topic: Buffer.from('T'),
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1,
    bornHost: HOST,
    storeHost: HOST,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.alloc(bodyBytes, 7),
    properties: Buffer.alloc(0),
  }
  encodeRecord(buffer, 0, message, 0, at, 1)
  return Buffer.from(buffer.subarray(0, buffer.readInt32BE(0)))
}

const cutAnyhow = (bytes: Buffer, cuts: readonly number[]) => {
  const places = [...new Set(cuts.map(cut => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...places, bytes.length].map((to, i) => bytes.subarray(i === 0 ? 0 : places[i - 1], to))
}

test('whatever the pieces, whole records come out in order, blanks as their heads, and the offsets fit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(900), fc.constant('blank' as const)), { maxLength: 12 }),
      fc.array(fc.nat(100_000), { maxLength: 20 }),
      fc.boolean(),
      (kinds, cuts, firstByteKnown) => {
        const wanted: { start: number; bytes: Buffer }[] = []
        const all: Buffer[] = []
        let at = 0
        for (const kind of kinds) {
          const bytes = kind === 'blank' ? Buffer.alloc(100) : record(at, kind)
          if (kind === 'blank') encodeBlank(bytes, 0, 100)
          wanted.push({ start: at, bytes: kind === 'blank' ? bytes.subarray(0, 8) : bytes })
          all.push(bytes)
          at += bytes.length
        }
        let log = Buffer.concat(all)
        const known = firstByteKnown && log.length > 0 ? 1 : 0
        const assembler = new RecordAssembler(0, Buffer.alloc(known))
        log = log.subarray(known)
        expect(assembler.expects).toBe(known)
        const got: { start: number; bytes: Buffer }[] = []
        for (const piece of cutAnyhow(log, cuts)) {
          for (const { start, records } of assembler.feed(Buffer.from(piece))) {
            // One run may hold several.
            let from = 0
            while (from < records.length) {
              const next = wanted[got.length]!
              got.push({ start: start + from, bytes: Buffer.from(records.subarray(from, from + next.bytes.length)) })
              from += next.bytes.length
            }
          }
        }
        expect(got).toEqual(wanted)
        expect(assembler.expects).toBe(at)
      },
    ),
  )
})

test.each([
  ['a size of 3', 3],
  ['a negative size', -5],
  ['a size that no record has', 1 << 29],
])('%s is refused, and names its place', (_, size) => {
  const bytes = Buffer.alloc(16)
  putInt(bytes, 0, size)
  expect(() => new RecordAssembler(5000).feed(bytes)).toThrow(`a record of ${size} bytes at 5000`)
})

test('frames and reports arrive in any pieces', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2 ** 40), fc.uint8Array({ maxLength: 50 }))),
      fc.array(fc.nat(10_000), { maxLength: 10 }),
      (frames, cuts) => {
        const bytes = Buffer.concat(frames.flatMap(([at, body]) => [encodeHeader(at, body.length), Buffer.from(body)]))
        const reader = new FrameReader()
        const heads: [number, number][] = []
        const bodies: Buffer[] = []
        for (const piece of cutAnyhow(bytes, cuts))
          reader.feed(
            piece,
            (at, size) => heads.push([at, size]),
            body => bodies.push(Buffer.from(body)),
          )
        expect(heads).toEqual(frames.map(([at, body]) => [at, body.length]))
        expect(Buffer.concat(bodies)).toEqual(Buffer.concat(frames.map(([, body]) => Buffer.from(body))))
        const reports = new ReportReader()
        const said = Buffer.concat(frames.map(([at]) => encodeReport(at)))
        const heard = cutAnyhow(said, cuts)
          .map(piece => reports.feed(piece))
          .filter(at => at !== undefined)
        expect(heard.at(-1)).toBe(frames.at(-1)?.[0])
      },
    ),
  )
})

test('what no peer of this protocol sends is refused in words', () => {
  const negative = encodeReport(-1)
  expect(() => new ReportReader().feed(negative)).toThrow(LinkProtocolError)
  const feed = (head: Buffer) => () =>
    new FrameReader().feed(
      head,
      () => {},
      () => {},
    )
  expect(feed(encodeHeader(0, -1))).toThrow('a frame of -1 bytes at offset 0')
  expect(feed(encodeHeader(0, 1 << 30))).toThrow(LinkProtocolError)
  expect(feed(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow(LinkProtocolError)
})
