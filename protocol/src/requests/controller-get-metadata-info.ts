import { f } from '../fields.ts'
import { request } from '../request.ts'

/** CONTROLLER_GET_METADATA_INFO: who leads the controllers. `peers` is text `id:address;…`. */
export const controllerGetMetadataInfo = request({
  code: 1005,
  reply: {
    group: f.string().optional(),
    controllerLeaderId: f.string().optional(),
    controllerLeaderAddress: f.string().optional(),
    isLeader: f.bool().default(false),
    peers: f.string().optional(),
  },
})
