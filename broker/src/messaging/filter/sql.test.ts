import { describe, expect, test } from '@jest/globals'
import { encodeProperties } from '@rocketcluster/protocol'
import fc from 'fast-check'
import { compileSql } from './compile-sql.ts'
import { FilterSyntaxError } from './filter-syntax-error.ts'
import { MAX_DEPTH, MAX_LENGTH, parseSql } from './parse-sql.ts'
import { conditions, printSql, propertySets } from './testing/arbitrary-sql.ts'
import { matchesPlainly } from './testing/evaluate-sql.ts'

const encoded = (properties: Readonly<Record<string, string>>) => encodeProperties(new Map(Object.entries(properties)))
const matches = (sql: string, properties: Readonly<Record<string, string>> = {}) =>
  compileSql(parseSql(sql)).matchesProperties(encoded(properties))

function problemOf(sql: string): string {
  try {
    parseSql(sql)
  } catch (error) {
    if (error instanceof FilterSyntaxError) return error.message
    throw error
  }
  throw new Error(`${sql} was accepted`)
}

const RUNS = { numRuns: Number(process.env.RUNS ?? 2000) }

test('what is printed is parsed back', () => {
  fc.assert(
    fc.property(conditions.condition, fc.boolean(), (condition, extra) => {
      expect(parseSql(printSql(condition, extra))).toEqual(condition)
    }),
    RUNS,
  )
})

test('the compiled filter and a plain evaluation agree', () => {
  fc.assert(
    fc.property(conditions.condition, fc.array(propertySets, { minLength: 1, maxLength: 8 }), (condition, sets) => {
      const filter = compileSql(parseSql(printSql(condition)))
      for (const properties of sets)
        expect([properties, filter.matchesProperties(encoded(properties))]).toEqual([
          properties,
          matchesPlainly(condition, new Map(Object.entries(properties))),
        ])
    }),
    RUNS,
  )
})

test('whatever the text, there is a filter or an error that shows a place', () => {
  const words = fc.constantFrom(
    ...['a', 'b', '1', '2.5', "'x'", "'", '(', ')', ',', '=', '<>', '<', '>=', '+', '-', '/*', '*/', '--', '\n', '!'],
    ...['NOT', 'AND', 'OR', 'BETWEEN', 'IN', 'TRUE', 'NULL', 'IS', 'CONTAINS', 'STARTSWITH', 'ENDSWITH', 'LIKE'],
  )
  fc.assert(
    fc.property(fc.array(words, { maxLength: 12 }), list => {
      try {
        compileSql(parseSql(list.join(' '))).matchesProperties(encoded({ a: '1' }))
      } catch (error) {
        if (!(error instanceof FilterSyntaxError)) throw error
        expect(error.message).toMatch(/^Invalid MessageSelector\. .*, at line \d+, column \d+: .*▸/s)
      }
    }),
    RUNS,
  )
})

describe('the grammar', () => {
  test.each<[string, Readonly<Record<string, string>>, boolean]>([
    ['a = 5', { a: '5' }, true],
    ['a=5 aNd b=6', { a: '5', b: '6' }, true],
    ['a = 1 OR b = 2 AND c = 3', { a: '1', b: '0', c: '0' }, true],
    ['(a = 1 OR b = 2) AND c = 3', { a: '1', b: '0', c: '0' }, false],
    ['NOT a = 1', { a: '2' }, false], // NOT binds to a alone, as in Apache
    ['NOT (a = 1)', { a: '2' }, true],
    ['a <> 5', { a: '6' }, true],
    ['a <> 5', {}, false],
    ["a = 'it''s'", { a: "it's" }, true],
    ["a = 'x' -- until the end", { a: 'x' }, true],
    ["-- first\na = 'x'", { a: 'x' }, true],
    ["a /* between */ = /**/ 'x'", { a: 'x' }, true],
    ['a = --5', { a: '5' }, true],
    ['a BETWEEN 1 AND 3 AND b = 1', { a: '2', b: '1' }, true],
    ['a NOT BETWEEN 1 AND 3', { a: '4' }, true],
    ['a NOT BETWEEN 3 AND 1', { a: '2' }, true],
    ["a IN ('x', 'y')", { a: 'y' }, true],
    ["a NOT IN ('x', 'y')", { a: 'z' }, true],
    ["a NOT IN ('x', 'y')", {}, false],
    ['a IS NULL', {}, true],
    ['a IS NOT NULL', { a: 'x' }, true],
    ["a CONTAINS 'el'", { a: 'hello' }, true],
    ["a NOT CONTAINS 'el'", {}, false],
    ["a STARTSWITH 'he'", { a: 'hello' }, true],
    ["a ENDSWITH 'lo'", { a: 'hello' }, true],
    ["a ENDSWITH ''", { a: 'hello' }, false],
    ['a > 1e1', { a: '10.5' }, true],
    ['a > .5', { a: '0.6' }, true],
    ['a = 5.', { a: '5' }, true],
    ['a = 0.0', { a: '0' }, true],
    ['a = 5L', { a: '5' }, true],
    ['a > -3', { a: '-2' }, true],
    ['a = 9007199254740993', { a: '9007199254740992' }, false],
    ['a = 5', { a: '5.0' }, false], // not an int to Java
    ['a = 5.0', { a: '5' }, true],
    ['a > b', { a: '10', b: '9' }, true],
    ['a = b', {}, true],
    ['a <> b', { a: 'x' }, true],
    ['a = TRUE', { a: 'True' }, true],
    ['a', { a: 'true' }, false],
    ['TRUE', {}, true],
    ['NULL', {}, false],
    ["TAGS = 'x'", { TAGS: 'x' }, true],
    ['a = 5 OR TRUE', { a: 'x' }, false], // an exception ends it all
    ['TRUE OR a = 5', { a: 'x' }, true],
  ])('%s with %p is %p', (sql, properties, expected) => {
    expect(matches(sql, properties)).toBe(expected)
  })

  test.each([
    ['', 'found the end, expected the name of a property'],
    ['a =', 'found the end, expected'],
    ['a', ''],
    ['a LIKE 1', 'found LIKE, expected an operator, AND, OR or the end'],
    ['a == 1', 'found ='],
    ['a != 1', 'found "!", which no word or sign begins with'],
    ["a = 'x", 'a string that does not end'],
    ['a /* = 1', 'a comment that does not end'],
    ['a = 1 b', 'found b'],
    ['a = 007', 'found 0, expected'],
    ['(a = 1', 'found the end, expected an operator or )'],
    ['a = 1)', 'found ), expected'],
    ['a NOT NULL', 'after NOT'],
    ['a IS 1', 'expected NULL or NOT NULL'],
    ['a IN (1)', 'expected a string in single quotes'],
    ["a IN ('x'", ', or ) after a string of IN'],
    ["1 IN ('x')", 'IN takes the name of a property'],
    ["a > 'x'", 'only numbers and properties can be compared by size'],
    ['a > TRUE', 'only numbers and properties'],
    ['a > NULL', 'only numbers and properties'],
    ['a = NULL', 'use IS NULL'],
    ['NULL <> a', 'use IS NULL'],
    ['TRUE = 1', 'TRUE and FALSE cannot be compared with a number'],
    ['a BETWEEN 3 AND 1', '1 is less than 3: no value is BETWEEN them'],
    ["a BETWEEN 'a' AND 'b'", 'only numbers and properties'],
    ['a BETWEEN 1 OR 2', 'AND between the two values of BETWEEN'],
    ['a = 9223372036854775808', 'is greater than 9223372036854775807'],
    ['a = 1e400', 'is greater than'],
    ['a = 1e-400', 'is less than'],
    ['5', 'this is a value; a condition is wanted'],
    ["'x' AND a = 1", 'this is a value'],
    ['-a', 'this is a value'],
    ['a = 1 AND 5', 'this is a value'],
  ])('%p is refused: %s', (sql, problem) => {
    if (problem !== '') expect(problemOf(sql)).toContain(problem)
  })

  test('an error names line and column and shows the place', () => {
    expect(problemOf("a = 1\n  AND b LIKE 'x%'")).toBe(
      'Invalid MessageSelector. found LIKE, expected an operator, AND, OR or the end, at line 2, column 9: ' +
        "a = 1 AND b ▸LIKE 'x%'",
    )
  })
})

describe('bounds', () => {
  test('the longest expression is accepted, one more character is not', () => {
    const long = 'a = 1 OR '.repeat(7281).concat('a = 1')
    const filled = long + ' '.repeat(MAX_LENGTH - long.length)
    expect(matches(filled, { a: '1' })).toBe(true)
    expect(problemOf(`${filled} `)).toContain(`the expression has ${MAX_LENGTH + 1} characters`)
  })

  test.each<[string, (depth: number) => string]>([
    ['brackets', depth => `${'('.repeat(depth)}a = 1${')'.repeat(depth)}`],
    ['NOT', depth => `${'NOT '.repeat(depth)} a = 1`],
    ['minus', depth => `a = ${'- '.repeat(depth)}1`],
    ['plus', depth => `a = ${'+ '.repeat(depth)}1`],
    ['IS NULL', depth => `a ${'IS NULL '.repeat(depth)}`],
    ['=', depth => `a ${'= b '.repeat(depth)}`],
    ['CONTAINS', depth => `a ${"CONTAINS 'x' ".repeat(depth)}`],
    ['AND in OR in brackets', depth => `${'(a = 1 OR b = 2 AND '.repeat(depth)}a = 1${')'.repeat(depth)}`],
  ])('%s nest so deep and no deeper', (_name, sql) => {
    expect(() => matches(sql(MAX_DEPTH / 4), { a: '1' })).not.toThrow()
    expect(problemOf(sql(MAX_DEPTH + 1))).toContain(`deeper than ${MAX_DEPTH} levels`)
    expect(problemOf(sql(Math.floor((MAX_LENGTH - 10) / sql(1).length)))).toContain('deeper than')
  })

  test('every filter at the limits of its length is parsed in good time', () => {
    const started = performance.now()
    for (const piece of ['a=1 OR ', '(', '- ', '/*', "'", "''", '--', '*/ /* ', "a IN ('x','y') AND ", '1.', 'a '])
      try {
        compileSql(parseSql(piece.repeat(Math.floor(MAX_LENGTH / piece.length))))
      } catch (error) {
        if (!(error instanceof FilterSyntaxError)) throw error
      }
    expect(performance.now() - started).toBeLessThan(5000)
  })
})
