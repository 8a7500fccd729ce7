import { f } from '../fields.ts'
import { request } from '../request.ts'

/** CLONE_GROUP_OFFSET: copies where one group stands to another. */
export const cloneGroupOffset = request({
  code: 314,
  header: {
    srcGroup: f.string(),
    destGroup: f.string(),
    topic: f.string().optional(),
    offline: f.bool().default(false),
  },
})
