import { expect, test } from '@jest/globals'
import { compactionFileSizes } from './file-sizes.ts'

/** What CompactionLog.java makes of the same settings. */
test.each([
  ['the defaults', 104_857_600, 10_485_760, 104_857_460, 10_485_746],
  ['a log too small for five queue files', 1024, 4600, 23_000, 4600],
  ['a whole number of queue files', 46_000, 4600, 50_600, 4600],
  ['a little more', 46_100, 4600, 46_000, 4600],
  ['a lot more', 49_000, 4600, 50_600, 4600],
])('%s', (_, compactionMappedFileSize, compactionCqMappedFileSize, logBytes, cqBytes) => {
  expect(compactionFileSizes({ compactionMappedFileSize, compactionCqMappedFileSize })).toEqual({ logBytes, cqBytes })
})
