import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { editProperties, PropertiesError, parseProperties, printProperties } from './properties.ts'

const pairs = (text: string) => parseProperties(text).map(({ key, value }) => [key, value])

describe('parseProperties', () => {
  test.each([
    [
      'a=1\nb=2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['a = 1 ', [['a', '1 ']]],
    ['a:1', [['a', '1']]],
    ['a 1 2', [['a', '1 2']]],
    ['a', [['a', '']]],
    ['a=', [['a', '']]],
    ['a==b', [['a', '=b']]],
    [
      '  # comment\n! too\n\n\t\na=1\r\nb=2\rc=3',
      [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
      ],
    ],
    ['a=one,\\\n    two,\\\r\n\tthree', [['a', 'one,two,three']]],
    [
      'a=end\\\\\nb=2',
      [
        ['a', 'end\\'],
        ['b', '2'],
      ],
    ],
    ['a=1\\', [['a', '1']]],
    ['a\\ b\\=c=d', [['a b=c', 'd']]],
    ['a=\\t\\n\\r\\f\\q\\u00e9\\\\', [['a', '\t\n\r\fqé\\']]],
    ['# comment \\\na=1', [['a', '1']]],
    ['\ufeffa=1', [['a', '1']]],
    ['a=C:\\\\data', [['a', 'C:\\data']]],
    [
      'a=1\na=2',
      [
        ['a', '1'],
        ['a', '2'],
      ],
    ],
    ['', []],
  ] as const)('%j', (text, expected) => {
    expect(pairs(text)).toEqual(expected)
  })

  test('tells the line on which a property starts', () => {
    expect(parseProperties('# one\na=1,\\\n2\n\nb=3').map(({ line }) => line)).toEqual([2, 5])
  })

  test('refuses \\u without four digits', () => {
    expect(() => parseProperties('a=1\nb=\\u12g4')).toThrow(
      new PropertiesError(2, '\\u is not followed by four hexadecimal digits'),
    )
  })

  test('any text is read or refused with our own error', () => {
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.string({ unit: fc.constantFrom('a', '=', ':', ' ', '\\', 'u', '0', '\n', '\r', '#', '!', '\t') }),
        ),
        input => {
          try {
            parseProperties(input)
          } catch (error) {
            expect(error).toBeInstanceOf(PropertiesError)
          }
        },
      ),
    )
  })
})

test('what is printed reads back alike', () => {
  const word = fc.string({ unit: 'binary', minLength: 1 })
  fc.assert(
    fc.property(fc.array(fc.tuple(word, fc.string({ unit: 'binary' }))), entries => {
      expect(pairs(printProperties(entries))).toEqual(entries)
    }),
  )
})

describe('editProperties', () => {
  test('replaces values in place and keeps comments, order and line ends', () => {
    const text = '# mine\r\nb = 1\r\n\r\na=long,\\\n  longer\nc=3'
    const edited = editProperties(
      text,
      new Map([
        ['a', 'short'],
        ['c', '4'],
        ['d', 'new'],
      ]),
    )
    expect(edited).toBe('# mine\r\nb = 1\r\n\r\na=short\nc=4\nd=new\n')
  })

  test('every change reads back, everything else stays', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '=', '\\', '\n', '#'), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(word, word), { selector: ([key]) => key }),
        fc.dictionary(word, word),
        (entries, changes) => {
          const expected = new Map([...entries, ...Object.entries(changes)])
          const edited = editProperties(printProperties(entries), new Map(Object.entries(changes)))
          expect(new Map(pairs(edited) as [string, string][])).toEqual(expected)
        },
      ),
    )
  })
})
