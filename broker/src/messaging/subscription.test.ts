import { expect, test } from '@jest/globals'
import { javaHash } from '@rocketcluster/protocol'
import { filterOf, parseSubscription } from './subscription.ts'

test.each([
  ['*', []],
  ['', []],
  ['a', ['a']],
  ['a||b', ['a', 'b']],
  [' a || b ', ['a', 'b']],
  ['a||', ['a']],
  ['||a', ['a']],
  ['a b', ['a b']],
])('the expression %p names the tags %p', (expression, tags) => {
  const parsed = parseSubscription('T', expression, 'TAG')
  expect(parsed).toMatchObject({ topic: 'T', tagsSet: tags, codeSet: tags.map(javaHash), expressionType: 'TAG' })
})

test('an expression of separators names no tag', () => {
  expect(() => parseSubscription('T', '||', 'TAG')).toThrow(/names no tag; allowed are/)
  expect(() => parseSubscription('T', ' ', 'TAG')).toThrow(/names no tag/)
})

test('a filter passes the hashes of its tags, and with * there is none', () => {
  const filter = filterOf(parseSubscription('T', 'a || b', 'TAG'))!
  expect([javaHash('a'), javaHash('b'), javaHash('c'), 0].map(code => filter.byEntry(code))).toEqual([
    true,
    true,
    false,
    false,
  ])
  expect(filterOf(parseSubscription('T', '*', 'TAG'))).toBeUndefined()
})

test('an SQL92 expression is compiled and kept as it is written, or refused with the place of the error', () => {
  const parsed = parseSubscription('T', 'a > 1 ', 'SQL92')
  expect(parsed).toMatchObject({ subString: 'a > 1 ', expressionType: 'SQL92', tagsSet: [], codeSet: [] })
  const filter = filterOf(parsed)!
  expect(filter.byEntry(5)).toBe(true)
  // The same filter for all who want the same.
  expect(filterOf({ ...parsed, topic: 'U' })).toBe(filter)
  for (const expression of ['*', '', 'a >']) {
    expect(() => parseSubscription('T', expression, 'SQL92')).toThrow(/^Invalid MessageSelector\. .* at line 1, column/)
    expect(() => filterOf({ ...parsed, subString: expression })).toThrow(
      expect.objectContaining({ status: 'SUBSCRIPTION_PARSE_FAILED' }),
    )
  }
  expect(() => parseSubscription('T', 'a > 1', 'SQL2023')).toThrow(
    'filter type "SQL2023" is unknown; allowed are TAG and SQL92',
  )
})
