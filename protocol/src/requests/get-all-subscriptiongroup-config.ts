import { subscriptionGroupWrapper } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'
import { unlessVersion } from './common/unless-version.ts'

/** GET_ALL_SUBSCRIPTIONGROUP_CONFIG: all consumer groups, or with `groupSeq` one page of them in name order. */
export const getAllSubscriptiongroupConfig = request({
  code: 201,
  header: {
    groupSeq: f.int().optional(),
    dataVersion: f.string().optional(),
    maxGroupNum: f.int().optional(),
    ...unlessVersion.header,
  },
  reply: { totalGroupNum: f.int().optional(), ...unlessVersion.reply },
  replyBody: subscriptionGroupWrapper,
})
