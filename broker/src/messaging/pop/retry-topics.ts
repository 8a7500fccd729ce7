import { popRetryTopic, RETRY_PREFIX } from '@rocketcluster/protocol'

export interface RetryTopicSettings {
  /** Live. */
  readonly enableRetryTopicV2: boolean
  /** Live. */
  readonly retrieveMessageFromPopRetryTopicV1: boolean
}

/** Where what a group has popped and not acknowledged goes (KeyBuilder.java#buildPopRetryTopic). */
export const retryTopicOf = (topic: string, group: string, settings: RetryTopicSettings): string =>
  popRetryTopic(group, topic, settings.enableRetryTopicV2 ? 2 : 1)

/** All that a group may have to read for a topic: with version 2 also what version 1 left. */
export function retryTopicsOf(topic: string, group: string, settings: RetryTopicSettings): string[] {
  const current = retryTopicOf(topic, group, settings)
  if (!settings.enableRetryTopicV2 || !settings.retrieveMessageFromPopRetryTopicV1) return [current]
  return [current, popRetryTopic(group, topic, 1)]
}

/** The topic a pop retry topic of `group` belongs to; any other topic is its own (KeyBuilder.java#parseNormalTopic). */
export function normalTopic(topic: string, group: string): string {
  for (const version of [2, 1] as const) {
    const prefix = popRetryTopic(group, '', version)
    if (topic.startsWith(prefix)) return topic.slice(prefix.length)
  }
  return topic
}

/** What a batch ack's `r` means: '0' the topic itself, '1' and '2' its retry topics. Undefined for anything else. */
export function realTopic(topic: string, group: string, type: string | undefined): string | undefined {
  if (type === '0') return topic
  if (type === '1') return popRetryTopic(group, topic, 1)
  if (type === '2') return popRetryTopic(group, topic, 2)
  return undefined
}

export const isRetry = (topic: string): boolean => topic.startsWith(RETRY_PREFIX)
