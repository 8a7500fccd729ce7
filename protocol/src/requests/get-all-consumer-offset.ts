import { consumerOffsetSerializeWrapper } from '../bodies/index.ts'
import { request } from '../request.ts'
import { unlessVersion } from './common/unless-version.ts'

/** GET_ALL_CONSUMER_OFFSET: all consumer offsets, for a slave. */
export const getAllConsumerOffset = request({
  code: 43,
  ...unlessVersion,
  replyBody: consumerOffsetSerializeWrapper,
})
