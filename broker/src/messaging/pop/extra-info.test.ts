import { expect, test } from '@jest/globals'
import {
  addMessageOffsets,
  addOffsetOrderCount,
  addQueueOrderCount,
  addStartOffset,
  parseHandle,
  printHandle,
} from './extra-info.ts'
import { normalTopic, realTopic, retryTopicsOf } from './retry-topics.ts'

test('the texts are those of ExtraInfoUtil.java', () => {
  const starts = addStartOffset(addStartOffset('', 'T', 3, 17), '%RETRY%G_T', 0, 5)
  expect(starts).toBe('0 3 17;1 0 5')
  expect(addMessageOffsets(addMessageOffsets('', 'T', 3, [17, 19]), '%RETRY%G+T', 0, [5])).toBe('0 3 17,19;2 0 5')
  expect(addQueueOrderCount(addOffsetOrderCount('', 'T', 1, 42, 2), 'T', 1, 0)).toBe('0 qo1%42 2;0 1 0')
})

test('a handle is read as it is printed', () => {
  const parts = { startOffset: 17, popTime: 1_700_000_000_000, invisibleTime: 60_000, reviveQueueId: 5 }
  const handle = printHandle({ ...parts, topic: '%RETRY%G_T', brokerName: 'broker-a', queueId: 0, queueOffset: 19 })
  expect(handle).toBe('17 1700000000000 60000 5 1 broker-a 0 19')
  expect(parseHandle(handle)).toEqual({ ...parts, brokerName: 'broker-a' })
})

test.each(['', '1 2 3', 'a 2 3 4 0 b', '1 2 3 -4 0 b', '1  3 4 0 b', '1 2 3 1e99 0 b'])(
  'the handle %j is refused',
  text => {
    expect(() => parseHandle(text)).toThrow(JSON.stringify(text))
  },
)

test('retry topics of both forms', () => {
  const settings = { enableRetryTopicV2: false, retrieveMessageFromPopRetryTopicV1: true }
  expect(retryTopicsOf('T', 'G', settings)).toEqual(['%RETRY%G_T'])
  expect(retryTopicsOf('T', 'G', { ...settings, enableRetryTopicV2: true })).toEqual(['%RETRY%G+T', '%RETRY%G_T'])
  expect(normalTopic('%RETRY%a_b_c_T', 'a_b')).toBe('c_T')
  expect(normalTopic('%RETRY%G+T', 'G')).toBe('T')
  expect(normalTopic('T', 'G')).toBe('T')
  expect(['0', '1', '2', '3'].map(type => realTopic('T', 'G', type))).toEqual([
    'T',
    '%RETRY%G_T',
    '%RETRY%G+T',
    undefined,
  ])
})
