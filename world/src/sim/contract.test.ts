import { describe, test } from '@jest/globals'
import { type Contract, diskContract } from '../contract/disk.ts'
import { networkContract } from '../contract/network.ts'
import { everySeed } from './index.ts'

const fromSeeds: Contract = (name, body) =>
  test(name, () =>
    everySeed(
      10,
      async world => {
        await world.disk.makeDirectory('/data')
        await body(world, '/data')
      },
      { file: 'world/src/sim/contract.test.ts' },
    ),
  )

describe('disk', () => diskContract(fromSeeds))
describe('network', () => networkContract(fromSeeds))
