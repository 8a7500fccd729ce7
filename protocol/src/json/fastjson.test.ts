import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MalformedError } from '../errors.ts'
import {
  JavaDouble,
  MAX_DEPTH,
  type Printable,
  parse,
  print,
  printDouble,
  printPretty,
  printStandard,
} from './fastjson.ts'

const integer = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map(value => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
})
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', '\\', '/', '\n', '\u0000', '\u2028', '東', '😀'),
    fc.string({ minLength: 1, maxLength: 1 }),
  ),
})
const leaf = fc.oneof(
  integer,
  text,
  fc.boolean(),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter(value => !Object.is(value, -0) && (Number.isSafeInteger(value) || !Number.isInteger(value))),
)

const { value: anyValue } = fc.letrec(tie => ({
  value: fc.oneof({ maxDepth: 4 }, leaf, tie('list'), tie('bean'), tie('map')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  bean: fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  map: fc
    .uniqueArray(fc.tuple(integer, tie('value')), { minLength: 1, maxLength: 4, selector: ([key]) => String(key) })
    .map(pairs => new Map(pairs)),
}))

describe('fastjson', () => {
  test('prints and parses to the same', () => {
    fc.assert(
      fc.property(anyValue, value => {
        expect(parse(print(value as Printable))).toEqual(value)
        expect(parse(printPretty(value as Printable))).toEqual(value)
      }),
    )
  })

  test('prints standard JSON that every parser reads', () => {
    fc.assert(fc.property(anyValue, value => void JSON.parse(printStandard(value as Printable))))
  })

  test('parses standard JSON as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        // Integers that a double cannot hold are the one difference that is wanted.
        fc.pre(!/\d{16}/.test(JSON.stringify(value)))
        // The comment keeps it from the engine's parser.
        expect(parse(`/**/${JSON.stringify(value)}`)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('returns or throws a MalformedError for any text', () => {
    const tokens = fc.array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ':',
        ',',
        '"',
        "'",
        'a',
        '1',
        '-',
        '.',
        'e',
        '\\',
        'u',
        '/',
        '*',
        ' ',
        '\n',
        'null',
        '9223372036854775808',
        '__proto__',
        '"$ref":"$',
        '"$ref":"$.a[0]"',
        '{"a":[1],"b":{"$ref":"$.a"}}',
      ),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          tokens.map(list => list.join('')),
        ),
        input => {
          try {
            parse(input)
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedError)
          }
        },
      ),
      { numRuns: 3000 },
    )
  })

  test.each([
    [
      '{0:"a",1:"b"}',
      new Map([
        [0, 'a'],
        [1, 'b'],
      ]),
    ],
    ['{{"brokerName":"b","queueId":0}:5}', new Map([[{ brokerName: 'b', queueId: 0 }, 5]])],
    ['{a:\'x\',"b":[1,,2,],}', { a: 'x', b: [1, 2] }],
    [
      '{"a":1,2:3}',
      new Map<unknown, unknown>([
        ['a', 1],
        [2, 3],
      ]),
    ],
    ['[9223372036854775807,-9223372036854775808]', [9223372036854775807n, -9223372036854775808n]],
    ['{"t":9007199254740993}', { t: 9007199254740993n }],
    ['{"t":"9007199254740993"}', { t: '9007199254740993' }],
    ['[1.0E7,0.0,NaN,undefined,12L,1.5D]', [1e7, 0, null, null, 12, 1.5]],
    ['// why\n{/* not */"a":1}', { a: 1 }],
    ['"\\u0041\\x41\\v\\/"', 'AA\v/'],
    ['"a\nb"', 'a\nb'],
    ['', null],
    ['  ', null],
    ['\ufeff[1]', [1]],
  ])('reads %s', (input, value) => expect(parse(input)).toEqual(value))

  test('treats __proto__ as a name like any other', () => {
    const value = parse("{'__proto__':{'admin':true}}") as object
    expect(Object.keys(value)).toEqual(['__proto__'])
    expect((value as { admin?: boolean }).admin).toBeUndefined()
  })

  test.each([
    ['{"a":}', 'JSON at character 5: expected a value, found "}"'],
    ['[1', 'JSON at character 2: expected "," or "]", found the end'],
    ['{"a" 1}', 'JSON at character 5: expected ":", found "1}"'],
    ['"abc', 'JSON at character 0: expected a string that ends'],
    ['{} x', 'JSON at character 3: expected the end of the text, found "x"'],
    ['/*', 'expected a comment that ends'],
    ['"\\u12"', 'expected \\u and 4 hexadecimal digits'],
    ['"\\q"', 'expected an escape sequence'],
  ])('refuses %s and says where', (input, sentence) => expect(() => parse(input)).toThrow(sentence))

  test('puts in what references of fastjson 1 stand for', () => {
    expect(parse('{"a":[{"x":1}],"b":{"$ref":"$.a[0]"},"c":{"$ref":"$.a"}}')).toEqual({
      a: [{ x: 1 }],
      b: { x: 1 },
      c: [{ x: 1 }],
    })
    expect(parse('{"a.b":[2],7:{"$ref":"$.a\\\\.b"}}')).toEqual(
      new Map<unknown, unknown>([
        ['a.b', [2]],
        [7, [2]],
      ]),
    )
    expect(parse('[{"$ref":"$"},{"$ref":".."},{"$ref":"@"},{"$ref":"$.nowhere[3]"},{"$ref":"$[5]"},1]')).toEqual([
      null,
      null,
      null,
      null,
      1,
      1,
    ])
    expect(parse('{"$ref":"$"}')).toBeNull()
    expect(parse('{"a":{"$ref":5}}')).toEqual({ a: { $ref: 5 } })
  })

  test('does not let references multiply', () => {
    const large = `[${'1,'.repeat(10_000)}1]`
    expect(() => parse(`{"a":${large},"b":[${'{"$ref":"$.a"},'.repeat(200)}]}`)).toThrow(
      'stand for more than 1000000 values',
    )
    expect(parse('{"a":[1],"b":[{"$ref":"$.a"}],"c":[{"$ref":"$.b"},{"$ref":"$.b"}]}')).toEqual({
      a: [1],
      b: [[1]],
      c: [null, null],
    })
  })

  test('refuses to nest without end, with or without the slow path', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(parse(nested(MAX_DEPTH))).toBeDefined()
    for (const input of [nested(MAX_DEPTH + 1), nested(100_000), '{"a":'.repeat(100_000), '{[['.repeat(50_000)])
      expect(() => parse(input)).toThrow(/nested deeper than the 128 levels allowed/)
  })

  test('takes time linear in the text', () => {
    const started = performance.now()
    expect(parse(`['${'\\n'.repeat(300_000)}',${'1,'.repeat(300_000)}]`)).toHaveLength(300_001)
    expect(() => parse(`"${'\\"'.repeat(300_000)}`)).toThrow(MalformedError)
    expect(parse('9'.repeat(300_000))).toBe(Number.POSITIVE_INFINITY)
    expect(performance.now() - started).toBeLessThan(5000)
  })

  test('sorts the names of beans, leaves out what is absent, keeps the order of maps', () => {
    expect(print({ b: 1, a: undefined, c: null, A: [null] })).toBe('{"A":[null],"b":1}')
    expect(
      print(
        new Map([
          ['z', 1],
          ['a', 2],
        ]),
      ),
    ).toBe('{"z":1,"a":2}')
    expect(
      printStandard(
        new Map([
          [10, 'c'],
          [1, 'b'],
          [0, 'a'],
        ]),
      ),
    ).toBe('{"0":"a","1":"b","10":"c"}')
    expect(printStandard(9223372036854775807n)).toBe('"9223372036854775807"')
  })

  test.each([
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [1e7, '1.0E7'],
    [9999999, '9999999.0'],
    [1.5e-5, '1.5E-5'],
    [0.001, '0.001'],
    [123456789.125, '1.23456789125E8'],
    [1e21, '1.0E21'],
    [5e-324, '4.9E-324'],
    [Number.MAX_VALUE, '1.7976931348623157E308'],
    [Number.NaN, 'null'],
    [Number.NEGATIVE_INFINITY, 'null'],
  ])('prints the double %d as Java does', (value, printed) => {
    expect(printDouble(value)).toBe(printed)
    expect(print([new JavaDouble(value)])).toBe(`[${printed}]`)
  })
})
