import { describe, expect, test } from '@jest/globals'
import { putInt, putLong } from '@rocketcluster/protocol/internal'
import fc from 'fast-check'
import { LinkProtocolError } from './classic-frames.ts'
import {
  encodeMasterHandshake,
  encodeSlaveHandshake,
  encodeSlaveReport,
  encodeTransferHeader,
  type Hello,
  type MasterHandshake,
  MasterReader,
  type SlaveHandshake,
  SlaveReader,
  type TransferHeader,
} from './epoch-frames.ts'

const HELLO: Hello = {
  clusterName: 'DefaultCluster',
  brokerName: 'broker-ä',
  recordId: 'r1',
  highestEpoch: 7,
  storeId: 's1',
  bootId: 'b1',
}

/** Long fields in two words of four bytes, as one writes bytes by hand. */
const hex = (words: string) => Buffer.from(words.replaceAll(/\s/g, ''), 'hex')

describe('byte for byte what AutoSwitchHAClient.java and AutoSwitchHAConnection.java send', () => {
  test('a slave’s handshake', () =>
    expect(encodeSlaveHandshake(3, undefined)).toEqual(hex('00000001 0000 0000 0000000000000003')))
  test('a slave’s report', () => expect(encodeSlaveReport(0x1_0000_0002)).toEqual(hex('00000002 00000001 00000002')))
  test('a master’s handshake', () =>
    expect(
      encodeMasterHandshake({
        end: 0x5000,
        lastEpoch: 4,
        entries: [
          { epoch: 2, startOffset: 0 },
          { epoch: 4, startOffset: 0x1_0000_0000 },
        ],
      }),
    ).toEqual(
      hex('00000001 00000018 0000000000005000 00000004  00000002 0000000000000000  00000004 00000001 00000000'),
    ))
  test('the head of a frame', () =>
    expect(
      encodeTransferHeader({
        bodyBytes: 0x100,
        physicalOffset: 0x5000,
        epoch: 4,
        epochStartOffset: 0x4000,
        confirmOffset: 0x4800,
      }),
    ).toEqual(hex('00000002 00000100 0000000000005000 00000004 0000000000004000 0000000000004800')))
  test('between two of ours: isAsyncLearner 2, and a hello', () => {
    const json = Buffer.from(JSON.stringify(HELLO))
    const head = hex('00000001 0000 0002 0000000000000003 00000000')
    putInt(head, 16, json.length)
    expect(encodeSlaveHandshake(3, HELLO)).toEqual(Buffer.concat([head, json]))
  })
})

function cutAnyhow(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map(cut => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...places, bytes.length].map((to, i) => Buffer.from(bytes.subarray(i === 0 ? 0 : places[i - 1], to)))
}

const offset = fc.nat(2 ** 40)
const cuts = fc.array(fc.nat(100_000), { maxLength: 15 })

test('whatever the pieces, a slave is understood', () => {
  fc.assert(
    fc.property(
      offset,
      fc.option(fc.record({ ...stringsOf(HELLO), highestEpoch: fc.nat() }), { nil: undefined }),
      fc.array(offset, { minLength: 1 }),
      cuts,
      (brokerId, hello, reports, cuts) => {
        const bytes = Buffer.concat([
          encodeSlaveHandshake(brokerId, hello as Hello | undefined),
          ...reports.map(encodeSlaveReport),
        ])
        const reader = new SlaveReader()
        const handshakes: SlaveHandshake[] = []
        const heard: number[] = []
        for (const piece of cutAnyhow(bytes, cuts)) {
          const report = reader.feed(piece, handshake => handshakes.push(handshake))
          if (report !== undefined) heard.push(report)
        }
        expect(handshakes).toEqual([{ brokerId, onlyLastFile: false, isLearner: false, hello }])
        expect(heard.at(-1)).toBe(reports.at(-1))
      },
    ),
  )
})

function stringsOf({ highestEpoch: _, ...names }: Hello) {
  return Object.fromEntries(Object.keys(names).map(name => [name, fc.string({ unit: 'grapheme' })]))
}

test('an Apache slave may say its handshake again while it waits, and not after its first report', () => {
  const reader = new SlaveReader()
  let handshakes = 0
  const feed = (bytes: Buffer) => reader.feed(bytes, () => handshakes++)
  const again = encodeSlaveHandshake(3, undefined)
  feed(again)
  expect(feed(again.subarray(0, 13))).toBeUndefined()
  expect(feed(Buffer.concat([again.subarray(13), encodeSlaveReport(500)]))).toBe(500)
  expect(handshakes).toBe(1)
  expect(() => feed(again)).toThrow('in state 1; allowed are offsets from 0 in state 2')
})

test('an Apache slave’s flags', () => {
  const bytes = encodeSlaveHandshake(3, undefined)
  bytes.writeInt16BE(1, 4)
  bytes.writeInt16BE(1, 6)
  let heard: SlaveHandshake | undefined
  new SlaveReader().feed(bytes, handshake => {
    heard = handshake
  })
  expect(heard).toEqual({ brokerId: 3, onlyLastFile: true, isLearner: true, hello: undefined })
})

test('whatever the pieces, a master is understood', () => {
  const frame = fc.tuple(fc.uint8Array({ maxLength: 60 }), offset, fc.nat(), offset, offset)
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), offset)), fc.array(frame), offset, cuts, (epochs, frames, end, cuts) => {
      const handshake = {
        end,
        lastEpoch: 5,
        entries: epochs.map(([epoch, startOffset]) => ({ epoch, startOffset })),
      }
      const headers = frames.map(([body, physicalOffset, epoch, epochStartOffset, confirmOffset]) => ({
        bodyBytes: body.length,
        physicalOffset,
        epoch,
        epochStartOffset,
        confirmOffset,
      }))
      const bytes = Buffer.concat([
        encodeMasterHandshake(handshake),
        ...headers.flatMap((header, i) => [encodeTransferHeader(header), Buffer.from(frames[i]![0])]),
      ])
      const reader = new MasterReader()
      const heard: { handshakes: MasterHandshake[]; headers: TransferHeader[]; bodies: Buffer[] } = {
        handshakes: [],
        headers: [],
        bodies: [],
      }
      for (const piece of cutAnyhow(bytes, cuts))
        reader.feed(piece, {
          handshake: one => heard.handshakes.push(one),
          frame: header => heard.headers.push({ ...header }),
          body: bytes => heard.bodies.push(Buffer.from(bytes)),
        })
      expect(heard.handshakes).toEqual([handshake])
      expect(heard.headers).toEqual(headers)
      expect(Buffer.concat(heard.bodies)).toEqual(Buffer.concat(frames.map(([body]) => Buffer.from(body))))
    }),
  )
})

describe('what no slave sends is refused in words', () => {
  const feed = (...pieces: Buffer[]) => {
    const reader = new SlaveReader()
    return () => pieces.forEach(piece => void reader.feed(piece, () => {}))
  }
  const withHello = (text: string, length?: number) => {
    const bytes = Buffer.concat([encodeSlaveHandshake(3, HELLO).subarray(0, 20), Buffer.from(text)])
    putInt(bytes, 16, length ?? Buffer.byteLength(text))
    return bytes
  }
  test.each([
    ['something else', feed(Buffer.from('GET / HTTP/1.1\r\n')), 'allowed is state 1'],
    ['a classic slave', feed(Buffer.alloc(16)), 'a handshake of broker 0 in state 0; allowed is state 1'],
    ['a broker id', feed(brokerId(-5)), 'a handshake of broker -5'],
    ['a hello that is too long', feed(withHello('{}', 1 << 30)), `a hello of ${1 << 30} bytes`],
    ['a hello of less than nothing', feed(withHello('{}', -1)), 'a hello of -1 bytes'],
    ['no JSON', feed(withHello('{"')), 'a hello that is no JSON'],
    ['null', feed(withHello('null')), 'a hello without'],
    ['a missing name', feed(withHello(JSON.stringify({ ...HELLO, storeId: undefined }))), 'a hello without storeId'],
    ['half an epoch', feed(withHello(JSON.stringify({ ...HELLO, highestEpoch: 1.5 }))), 'a hello without highestEpoch'],
    ['an offset', feed(encodeSlaveHandshake(3, undefined), encodeSlaveReport(-7)), 'a report of offset -7'],
    ['a state', feed(encodeSlaveHandshake(3, undefined), Buffer.alloc(12, 9)), 'in state 151587081'],
  ])('%s', (_, act, words) => {
    expect(act).toThrow(LinkProtocolError)
    expect(act).toThrow(words)
  })

  function brokerId(id: number): Buffer {
    const bytes = encodeSlaveHandshake(0, undefined)
    putLong(bytes, 8, id)
    return bytes
  }
})

describe('what no master sends is refused in words', () => {
  const feed = (bytes: Buffer) => () =>
    new MasterReader().feed(bytes, { handshake: () => {}, frame: () => {}, body: () => {} })
  const header: TransferHeader = { bodyBytes: 5, physicalOffset: 9, epoch: 1, epochStartOffset: 0, confirmOffset: 0 }
  const handshakeOf = (bytes: number) => {
    const handshake = encodeMasterHandshake({ end: 0, lastEpoch: 1, entries: [] })
    putInt(handshake, 4, bytes)
    return handshake
  }
  test.each([
    ['something else', feed(Buffer.from('HTTP/1.1 400 Bad Request')), 'a frame in state 1213486160'],
    ['too many epochs', feed(handshakeOf(1 << 28)), `a handshake with ${1 << 28} bytes of epochs`],
    ['half an epoch', feed(handshakeOf(18)), 'a handshake with 18 bytes of epochs'],
    ['a size', feed(encodeTransferHeader({ ...header, bodyBytes: -1 })), 'a frame of -1 bytes at offset 9'],
    ['too large a size', feed(encodeTransferHeader({ ...header, bodyBytes: 1 << 30 })), `a frame of ${1 << 30} bytes`],
    ['an offset', feed(encodeTransferHeader({ ...header, physicalOffset: -1 })), 'a frame of 5 bytes at offset -1'],
    ['an epoch’s', feed(encodeTransferHeader({ ...header, epochStartOffset: -1 })), 'in an epoch from -1 on'],
  ])('%s', (_, act, words) => {
    expect(act).toThrow(LinkProtocolError)
    expect(act).toThrow(words)
  })

  test('but a beat from -1: an Apache master that has nothing to send yet', () => {
    expect(feed(encodeTransferHeader({ ...header, bodyBytes: 0, physicalOffset: -1 }))).not.toThrow()
  })
})
