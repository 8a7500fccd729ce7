import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { FieldError } from '../errors.ts'
import { decodeHost, encodeHost, parseAddress, printAddress, printHost } from './host.ts'
import { createOffsetMsgId, parseOffsetMsgId, parseUniqKey, type UniqKeyClock, UniqKeyGenerator } from './ids.ts'
import { indexKeyHash, javaHash, javaHashUtf8, tagsCode } from './java-hash.ts'

const port = fc.integer({ min: 0, max: 65535 })
const address = fc.oneof(fc.ipV4(), fc.ipV6())

function clockAt(now: () => number, offsetMs = 0): UniqKeyClock {
  return {
    now,
    localTime(timestamp) {
      const date = new Date(timestamp + offsetMs)
      return {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
        millisecond: date.getUTCMilliseconds(),
      }
    },
  }
}

describe('hosts', () => {
  test('come back as they were written', () => {
    fc.assert(
      fc.property(address, port, (ip, number) => {
        const bytes = encodeHost(ip, number)
        const host = decodeHost(bytes, 0, bytes.length)
        expect(host.port).toBe(number)
        expect(parseAddress(host.address)).toEqual(parseAddress(ip))
      }),
    )
  })

  test('are printed in their usual form', () => {
    const forms = ['1.2.3.4', '::1', 'fe80::1', '2001:db8::ff00:42:8329', '1:2:3:4:5:6:7:8', '::', '1:0:0:2::']
    for (const form of forms.slice(0, -1)) expect(printAddress(parseAddress(form)!)).toBe(form)
    expect(printAddress(parseAddress('1:0:0:2::')!)).toBe('1:0:0:2::')
    expect(printHost({ address: '::1', port: 80 })).toBe('[::1]:80')
  })

  test('mapped into IPv6 are the IPv4 address that they are', () => {
    expect(parseAddress('::ffff:10.0.0.1')).toEqual(Buffer.from([10, 0, 0, 1]))
  })

  test('that are none are refused', () => {
    for (const text of ['', 'localhost', '1.2.3', '1.2.3.256', ':::', '1:2', 'g::1', '1::2::3', '1:2:3:4:5:6:7:8:9']) {
      expect(parseAddress(text)).toBeUndefined()
      expect(() => encodeHost(text, 1)).toThrow('is not a numeric IPv4 or IPv6 address')
    }
    expect(() => encodeHost('1.2.3.4', 65536)).toThrow('port 65536 is not from 0 to 65535')
  })
})

describe('offsetMsgId', () => {
  test('is the hex of address, port and offset', () => {
    const id = createOffsetMsgId(encodeHost('10.0.0.1', 10911), 2 ** 40 + 5)
    expect(id).toBe('0A00000100002A9F0000010000000005')
    expect(parseOffsetMsgId(id)).toEqual({ host: { address: '10.0.0.1', port: 10911 }, physicalOffset: 2 ** 40 + 5 })
  })

  test('comes back as it was written', () => {
    fc.assert(
      fc.property(address, port, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (ip, number, offset) => {
        const id = createOffsetMsgId(encodeHost(ip, number), offset)
        expect(parseOffsetMsgId(id)).toEqual({
          host: decodeHost(encodeHost(ip, number), 0, id.length / 2 - 8),
          physicalOffset: offset,
        })
      }),
    )
  })

  test('that is none is refused with its field', () => {
    for (const id of [
      '',
      'xyz',
      '0A00000100002A9F000001000000000',
      'FF'.repeat(16),
      `${'0A'.repeat(8)}${'FF'.repeat(8)}`,
    ])
      expect(() => parseOffsetMsgId(id)).toThrow(FieldError)
    fc.assert(
      fc.property(fc.string(), id => {
        try {
          parseOffsetMsgId(id)
        } catch (error) {
          expect(error).toBeInstanceOf(FieldError)
        }
      }),
    )
  })
})

describe('UNIQ_KEY', () => {
  test('counts from the first of the month, local time', () => {
    const now = Date.UTC(2026, 6, 15, 12, 30, 0, 250)
    const clock = clockAt(() => now, 2 * 3_600_000)
    const keys = new UniqKeyGenerator({ clock, ip: Buffer.from([1, 2, 3, 4]), pid: 0x1_2345, instance: 0xdeadbeef })
    const key = keys.next()
    const since = now - (Date.UTC(2026, 6, 1) - 2 * 3_600_000)
    expect(key).toBe(`010203042345DEADBEEF${since.toString(16).toUpperCase().padStart(8, '0')}0000`)
    expect(keys.next().slice(-4)).toBe('0001')
    expect(parseUniqKey(key, clock)).toEqual({
      address: '1.2.3.4',
      pid: 0x2345,
      instance: 0xdeadbeef | 0,
      timestamp: now,
      counter: 0,
    })
  })

  test('starts again with a new month, and one of last month is read as that', () => {
    let now = Date.UTC(2026, 0, 31, 23, 59, 59, 999)
    const clock = clockAt(() => now)
    const keys = new UniqKeyGenerator({ clock, ip: Buffer.alloc(16, 7), pid: 1, instance: 1, counter: 0xffff })
    const late = keys.next()
    const lateTime = now
    now += 1
    const early = keys.next()
    expect(early.slice(44, 52)).toBe('00000000')
    expect(early.slice(-4)).toBe('0000')
    expect(parseUniqKey(late, clock).timestamp).toBe(lateTime)
    expect(parseUniqKey(early, clock).timestamp).toBe(now)
  })

  test('of any time comes back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), fc.integer({ min: -12, max: 14 }), (now, hours) => {
        const clock = clockAt(() => now, hours * 3_600_000)
        const keys = new UniqKeyGenerator({ clock, ip: Buffer.alloc(4), pid: 1, instance: 2 })
        expect(parseUniqKey(keys.next(), clock).timestamp).toBe(now)
      }),
    )
  })

  test('that is none is refused', () => {
    const clock = clockAt(() => 0)
    expect(() => parseUniqKey('A-KEY-OF-ANOTHER-CLIENT', clock)).toThrow('is not 32 or 56 hexadecimal digits')
  })
})

describe("Java's hashes", () => {
  test('are those of Java', () => {
    expect(javaHash('')).toBe(0)
    expect(javaHash('TagA')).toBe(2598919)
    expect(tagsCode(undefined)).toBe(0)
    // The one text whose hash is Integer.MIN_VALUE.
    expect(javaHash('polygenelubricants')).toBe(-2147483648)
    expect(indexKeyHash('polygenelubricants')).toBe(0)
  })

  test('are the same over UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(javaHashUtf8(Buffer.from(text))).toBe(javaHash(text))
        expect(indexKeyHash(text)).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})
