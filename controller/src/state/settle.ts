import { change, type Decision, keep } from './decision.ts'
import type { GroupRecord } from './record.ts'

/**
 * Shuts the door behind every proposal that is still under way, in a controller that tries again or in the network: the set
 * stays as it is under a new epoch, and what was proposed for the old one is refused whenever it comes.
 */
export function settle(record: GroupRecord | undefined): Decision {
  if (!record) return keep('there is no record')
  return change(
    { ...record, syncStateSetEpoch: record.syncStateSetEpoch + 1 },
    'settled: what was proposed for the set before and is not in force will never be',
  )
}
