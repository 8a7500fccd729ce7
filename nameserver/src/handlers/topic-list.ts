import { ResponseError } from '@rocketcluster/protocol'
import type { Configuration } from '../configuration.ts'

/** topicSysFlag bits (TopicSysFlag.java). */
export const UNIT = 1
export const UNIT_SUB = 2

/** Throws SYSTEM_ERROR, in Apache's word, when the configuration keeps topic lists to itself. */
export function checkTopicListEnabled({ current }: Configuration): void {
  if (!current.enableTopicList) throw new ResponseError('SYSTEM_ERROR', 'disable')
}
