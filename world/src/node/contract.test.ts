import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from '@jest/globals'
import { type Contract, diskContract } from '../contract/disk.ts'
import { networkContract } from '../contract/network.ts'
import { nodeWorld } from './index.ts'

const onThisMachine: Contract = (name, body) =>
  test(name, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rocketcluster-world-'))
    try {
      await body(nodeWorld(), directory)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

describe('disk', () => diskContract(onThisMachine))
describe('network', () => networkContract(onThisMachine))
