import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'

/** SYNCHRONIZE_METADATA: this replica takes over what its master knows, now. */
export const synchronizeMetadata: Handler<'synchronizeMetadata'> = async ({ masterEpoch }, { replication }) => {
  if (replication.synchronize === undefined)
    throw new ResponseError('SYSTEM_ERROR', 'this broker is no replica of a group that a controller manages')
  await replication.synchronize(masterEpoch)
  return {}
}
