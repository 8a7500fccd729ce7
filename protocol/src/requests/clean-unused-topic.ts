import { request } from '../request.ts'

/** CLEAN_UNUSED_TOPIC: removes files of topics that no longer exist. */
export const cleanUnusedTopic = request({
  code: 316,
})
