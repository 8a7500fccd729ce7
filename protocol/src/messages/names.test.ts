import { describe, expect, test } from '@jest/globals'
import {
  dlqTopic,
  groupProblem,
  isSystemTopic,
  popRetryTopic,
  retryTopic,
  topicProblem,
  validateGroup,
  validateTopic,
} from './names.ts'
import { namespaceOf, withoutNamespace, wrapNamespace } from './namespace.ts'

describe('names', () => {
  test.each([
    ['', '"" is blank'],
    ['a b', '"a b" contains illegal characters: only letters, digits, "%", "|", "_" and "-" are allowed'],
    ['a/b', 'illegal'],
    ['é', 'illegal'],
    ['a'.repeat(128), 'is 128 characters long, 127 are allowed'],
    [`%RETRY%${'a'.repeat(249)}`, 'is 256 characters long, 255 are allowed'],
  ])('topic %j is refused', (topic, sentence) => {
    expect(topicProblem(topic)).toContain(sentence)
    expect(() => validateTopic(topic)).toThrow(/^field topic: /)
  })

  test.each(['a', 'A_b-1|%', 'a'.repeat(127), `%RETRY%${'a'.repeat(248)}`, `%DLQ%${'a'.repeat(250)}`])(
    'topic %j is fine',
    topic => {
      expect(topicProblem(topic)).toBeUndefined()
    },
  )

  test('a group has at most 120 characters', () => {
    expect(groupProblem('g'.repeat(120))).toBeUndefined()
    expect(() => validateGroup('g'.repeat(121))).toThrow('is 121 characters long, 120 are allowed')
  })

  test('the topics of a group', () => {
    expect(retryTopic('g')).toBe('%RETRY%g')
    expect(dlqTopic('g')).toBe('%DLQ%g')
    expect(popRetryTopic('g', 't')).toBe('%RETRY%g_t')
    expect(popRetryTopic('g', 't', 2)).toBe('%RETRY%g+t')
    expect(isSystemTopic('rmq_sys_x')).toBe(true)
    expect(isSystemTopic('TBW102')).toBe(true)
    expect(isSystemTopic('mine')).toBe(false)
  })
})

describe('namespaces', () => {
  test.each([
    ['ns', 'topic', 'ns%topic'],
    ['ns', '%RETRY%group', '%RETRY%ns%group'],
    ['ns', '%DLQ%group', '%DLQ%ns%group'],
    ['ns', 'ns%topic', 'ns%topic'],
    ['ns', 'TBW102', 'TBW102'],
    ['ns', 'rmq_sys_x', 'rmq_sys_x'],
    ['ns', 'CID_RMQ_SYS_TRANS', 'CID_RMQ_SYS_TRANS'],
    ['', 'topic', 'topic'],
    ['ns', '', ''],
  ])('%j around %j is %j', (namespace, resource, wrapped) => {
    expect(wrapNamespace(namespace, resource)).toBe(wrapped)
    if (wrapped !== resource) {
      expect(withoutNamespace(wrapped)).toBe(resource)
      expect(withoutNamespace(wrapped, namespace)).toBe(resource)
      expect(withoutNamespace(wrapped, 'other')).toBe(wrapped)
      expect(namespaceOf(wrapped)).toBe(namespace)
    }
  })
})
