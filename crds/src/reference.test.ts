import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { rocketClusterPage } from './reference.ts'

test('docs/rocketcluster.md is current: else run `npm run generate`', () => {
  expect(readFileSync(new URL('../../docs/rocketcluster.md', import.meta.url), 'utf8')).toBe(rocketClusterPage())
})
