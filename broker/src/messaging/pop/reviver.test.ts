import { expect, test } from '@jest/globals'
import { CheckPoint } from './check-point.ts'
import { Reviver, type ReviverParts } from './reviver.ts'

test('a hundred thousand check points that expire together are worked off in a few seconds', async () => {
  let abandoned = 0
  const started = performance.now()
  const reviver = new Reviver({
    topics: { get: () => undefined },
    groups: { find: async () => undefined },
    ledger: { abandon: () => abandoned++, settle: () => {} },
  } as unknown as ReviverParts)
  const common = { topic: 'T', group: 'G', queueId: 0, popTime: 0, invisibleTime: 0, diffs: [0], brokerName: 'b' }
  for (let startOffset = 0; startOffset < 100_000; startOffset++)
    reviver.revive(new CheckPoint({ ...common, startOffset, reviveQueueId: 0 }))
  while (abandoned < 100_000) await new Promise(setImmediate)
  await reviver.stop()
  expect(abandoned).toBe(100_000)
  expect(performance.now() - started).toBeLessThan(5000)
})
