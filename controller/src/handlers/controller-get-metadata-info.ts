import type { Handler } from '../handler.ts'

/**
 * CONTROLLER_GET_METADATA_INFO: which controller to ask. There is no leader: each may be asked anything, so each names itself
 * to those who ask it.
 */
export const controllerGetMetadataInfo: Handler<'controllerGetMetadataInfo'> = (
  _header,
  { configuration, connection, addressFor },
) => {
  const { controllerDLegerGroup, controllerDLegerSelfId } = configuration.current
  const address = addressFor(connection)
  return {
    group: controllerDLegerGroup,
    controllerLeaderId: controllerDLegerSelfId,
    controllerLeaderAddress: address,
    isLeader: true,
    peers: `${controllerDLegerSelfId}:${address}`,
  }
}
