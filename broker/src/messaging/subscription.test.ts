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
  expect(() => filterOf(parseSubscription('T', 'a > 1', 'SQL92'))).toThrow(/does not support .* SQL92/)
})
