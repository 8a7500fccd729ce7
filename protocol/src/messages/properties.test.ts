import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  appendProperty,
  decodeProperties,
  deleteProperty,
  encodeProperties,
  findProperty,
  PropertyFinder,
  parseProperties,
  printProperties,
  setProperty,
} from './properties.ts'

const name = fc
  .string({ minLength: 1, maxLength: 10, unit: 'grapheme' })
  .filter(t => !t.includes('\u0001') && !t.includes('\u0002'))
const value = fc.string({ minLength: 1, maxLength: 10, unit: 'grapheme' }).filter(t => !t.includes('\u0002'))
const map = fc.array(fc.tuple(name, value), { maxLength: 8 }).map(pairs => new Map(pairs))

describe('properties', () => {
  test('come back as they were written', () => {
    fc.assert(
      fc.property(map, properties => expect(decodeProperties(encodeProperties(properties))).toEqual(properties)),
    )
  })

  test('follow the rules of Java: short and empty pairs are dropped, the last separator may be missing, the last of a name wins', () => {
    expect([...parseProperties('a\u0001\u0002\u0001b\u0002c\u0002KEYS\u0001k\u0002x\u00012\u0002x\u00013')]).toEqual([
      ['KEYS', 'k'],
      ['x', '3'],
    ])
    expect([...parseProperties('a\u0001b\u0001c\u0002')]).toEqual([['a', 'b\u0001c']])
  })

  test('cannot be forged through a name or a value', () => {
    expect(() => printProperties({ a: 'b\u0002TAGS\u0001x' })).toThrow(/property a: .* contains the separator/)
    expect(() => printProperties({ 'a\u0001b': 'c' })).toThrow(/property name .* contains the separator/)
    expect(printProperties({ a: '', b: undefined, c: 'd' })).toBe('c\u0001d\u0002')
  })

  test('are found in the bytes as in the map, whatever the bytes', () => {
    const names = ['TAGS', 'KEYS', 'a', 'ab']
    const noise = fc
      .array(fc.constantFrom('TAGS', 'KEYS', 'a', 'ab', '\u0001', '\u0002', 'é'))
      .map(parts => Buffer.from(parts.join('')))
    const finder = new PropertyFinder(...names)
    fc.assert(
      fc.property(
        fc.oneof(
          noise,
          fc.uint8Array().map(array => Buffer.from(array)),
        ),
        bytes => {
          const expected = decodeProperties(bytes)
          finder.scan(bytes)
          names.forEach((wanted, i) => {
            expect(finder.text(bytes, i)).toBe(expected.get(wanted))
            expect(findProperty(bytes, wanted)).toBe(expected.get(wanted))
          })
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('are set and deleted on the bytes as on the map', () => {
    fc.assert(
      fc.property(map, name, value, (properties, key, text) => {
        const bytes = encodeProperties(properties)
        const without = new Map(properties)
        without.delete(key)
        expect(decodeProperties(deleteProperty(bytes, key))).toEqual(without)
        expect(decodeProperties(setProperty(bytes, key, text))).toEqual(new Map([...without, [key, text]]))
        const open = bytes.subarray(0, Math.max(0, bytes.length - 1))
        expect(decodeProperties(appendProperty(open, key, text))).toEqual(new Map([...properties, [key, text]]))
      }),
    )
  })

  test('keep their bytes when there is nothing to delete', () => {
    const bytes = Buffer.from('a\u0001b\u0002rubbish')
    expect(deleteProperty(bytes, 'x')).toBe(bytes)
  })
})
