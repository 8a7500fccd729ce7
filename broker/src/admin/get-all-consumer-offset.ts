import { printVersion } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** GET_ALL_CONSUMER_OFFSET: the offsets of all groups, as slaves copy them. */
export const getAllConsumerOffset: Handler<'getAllConsumerOffset'> = ({ unlessVersion }, { offsets }) =>
  !offsets.dirty && unlessVersion === printVersion(offsets.dataVersion)
    ? { sameVersion: true }
    : { body: offsets.snapshot() }
