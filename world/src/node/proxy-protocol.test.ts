import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { proxyHeader } from './proxy-protocol.ts'

const v2 = (command: number, family: number, follows: number[]) =>
  Buffer.concat([
    Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
    Buffer.from([command, family, follows.length >> 8, follows.length & 0xff, ...follows]),
  ])

test('version 2: IPv4 with TLVs, IPv6, LOCAL', () => {
  const four = v2(0x21, 0x11, [203, 0, 113, 9, 10, 0, 0, 1, 0x15, 0xb3, 0x2a, 0x9f, 4, 0, 1, 0])
  expect(proxyHeader(four)).toEqual({
    kind: 'header',
    length: four.length,
    source: '203.0.113.9:5555',
    destination: '10.0.0.1:10911',
  })
  const six = v2(0x21, 0x21, [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1, ...Array(15).fill(0), 1, 0, 80, 0, 81])
  expect(proxyHeader(six)).toMatchObject({ source: '[2001:db8::1]:80', destination: '[::1]:81' })
  expect(proxyHeader(v2(0x20, 0, []))).toEqual({ kind: 'header', length: 16 })
})

test('every prefix of a header asks for more, and what follows is not looked at', () => {
  for (const header of [v2(0x21, 0x11, Array(12).fill(1)), Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n')]) {
    for (let i = 0; i < header.length; i++) expect(proxyHeader(header.subarray(0, i)).kind).toBe('more')
    expect(proxyHeader(Buffer.concat([header, Buffer.from('rest')]))).toMatchObject({ length: header.length })
  }
})

test('lies are named', () => {
  const reason = (bytes: Buffer) => {
    const header = proxyHeader(bytes)
    return header.kind === 'broken' ? header.reason : header.kind
  }
  expect(reason(v2(0x31, 0x11, []))).toBe('PROXY version 3: 1 and 2 exist')
  expect(reason(v2(0x22, 0x11, []))).toBe('PROXY command 2: LOCAL (0) and PROXY (1) exist')
  expect(reason(v2(0x21, 0x11, [1, 2, 3]))).toBe('PROXY header of 3 bytes is too short for its addresses')
  expect(reason(Buffer.from('PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n'))).toMatch(/UDP4.*TCP4, TCP6 and UNKNOWN/)
  expect(reason(Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n'))).toMatch(/no two TCP4/)
  expect(reason(Buffer.from(`PROXY ${'x'.repeat(120)}`))).toBe('PROXY line longer than 107 bytes')
})

test('a frame is none, whatever its bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4 }), bytes => {
      bytes[0] = 0
      expect(proxyHeader(Buffer.from(bytes)).kind).toBe('none')
    }),
  )
})
