import { expect, test } from '@jest/globals'
import { allocateForPop, inOrder, strategies } from './allocate.ts'

const queues = (count: number) =>
  Array.from({ length: count }, (_, queueId) => ({ topic: 'T', brokerName: 'b', queueId }))
const ids = (allocated: readonly { queueId: number }[]) => allocated.map(({ queueId }) => queueId)
const [average, circle] = [strategies.get('AVG')!, strategies.get('AVG_BY_CIRCLE')!]
const clients = ['c1', 'c2', 'c3']

test('both strategies give each queue to one client, as evenly as can be', () => {
  expect(clients.map(client => ids(average(client, queues(8), clients)))).toEqual([
    [0, 1, 2],
    [3, 4, 5],
    [6, 7],
  ])
  expect(clients.map(client => ids(circle(client, queues(8), clients)))).toEqual([
    [0, 3, 6],
    [1, 4, 7],
    [2, 5],
  ])
  expect(clients.map(client => ids(average(client, queues(2), clients)))).toEqual([[0], [1], []])
  expect(average('stranger', queues(8), clients)).toEqual([])
})

test('those who pop share: everything, or with as many as was said', () => {
  const all = inOrder([...queues(2), { topic: 'T', brokerName: 'a', queueId: 0 }])
  expect(allocateForPop(average, 'c1', all, clients, 0)).toEqual([
    { topic: 'T', brokerName: 'a', queueId: -1 },
    { topic: 'T', brokerName: 'b', queueId: -1 },
  ])
  expect(ids(allocateForPop(average, 'c1', queues(3), clients, 2))).toEqual([-1])
  const four = [...clients, 'c4']
  expect(ids(allocateForPop(average, 'c4', queues(8), four, 1))).toEqual([6, 7, 0, 1])
  expect(ids(allocateForPop(average, 'c4', queues(2), four, 1))).toEqual([1])
  expect(allocateForPop(average, 'stranger', queues(8), four, 1)).toEqual([])
})
