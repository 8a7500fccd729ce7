import { javaHash, ResponseError, type SubscriptionData } from '@rocketcluster/protocol'
import type { ConsumerGroup } from '../clients/client-registry.ts'
import type { MessageFilter } from '../store/types.ts'

/** PullSysFlag.java */
export const PULL_COMMIT_OFFSET = 1
export const PULL_SUSPEND = 2
export const PULL_SUBSCRIPTION = 4
export const PULL_CLASS_FILTER = 8

export interface SubscriptionRequest {
  readonly consumerGroup: string
  readonly topic: string
  readonly sysFlag: number
  readonly subscription?: string
  readonly subVersion: number
  readonly expressionType?: string
}

/**
 * Which messages a pull wants: from the pull itself when it says so (PULL_SUBSCRIPTION), else from the group's
 * heartbeats (PullMessageProcessor.java). Throws SUBSCRIPTION_PARSE_FAILED, SUBSCRIPTION_NOT_EXIST,
 * SUBSCRIPTION_NOT_LATEST, NO_PERMISSION.
 */
export function findSubscription(
  request: SubscriptionRequest,
  group: ConsumerGroup | undefined,
  broadcastAllowed: boolean,
): SubscriptionData {
  if ((request.sysFlag & PULL_SUBSCRIPTION) !== 0) {
    try {
      return parseSubscription(request.topic, request.subscription ?? '*', request.expressionType ?? 'TAG')
    } catch (error) {
      throw new ResponseError(
        'SUBSCRIPTION_PARSE_FAILED',
        `parse the consumer's subscription failed: ${(error as Error).message}`,
      )
    }
  }
  if (!group)
    throw new ResponseError(
      'SUBSCRIPTION_NOT_EXIST',
      `the consumer's group info not exist: ${request.consumerGroup} has sent no heartbeat to this broker`,
    )
  if (!broadcastAllowed && group.messageModel === 'BROADCASTING')
    throw new ResponseError(
      'NO_PERMISSION',
      `the consumer group[${request.consumerGroup}] can not consume by broadcast way`,
    )
  const known = group.subscriptions.get(request.topic)
  if (!known)
    throw new ResponseError(
      'SUBSCRIPTION_NOT_EXIST',
      `the consumer's subscription not exist: ${request.consumerGroup} does not subscribe to ${request.topic}`,
    )
  if (known.subVersion < request.subVersion) {
    // The Java client moves its version on in a rebalance and in about every second start misses telling us until its next
    // heartbeat, 30 s later (MQClientInstance.java: the one under way has the old version, and the lock is taken).
    // Consumers compare tags themselves, as the queue only has hashes: until we know the new ones we give them everything.
    if (isByTag(known.expressionType) && isByTag(request.expressionType))
      return parseSubscription(request.topic, '*', 'TAG')
    throw new ResponseError(
      'SUBSCRIPTION_NOT_LATEST',
      `the consumer's subscription not latest: version ${known.subVersion} is known, ${request.subVersion} was asked for`,
    )
  }
  return known
}

/** Reads a filter expression: `*`, or tags joined by `||` (FilterAPI.java). Throws Error when a tag expression names no tag. */
export function parseSubscription(topic: string, subString: string, expressionType: string): SubscriptionData {
  const all = subString === '' || subString === '*'
  const tagsSet =
    all || expressionType !== 'TAG'
      ? []
      : subString
          .split('||')
          .map(tag => tag.trim())
          .filter(tag => tag !== '')
  if (!all && expressionType === 'TAG' && tagsSet.length === 0)
    throw new Error(`subscription ${JSON.stringify(subString)} names no tag; allowed are "*" or tags joined by "||"`)
  return {
    topic,
    subString: all ? '*' : subString,
    expressionType,
    tagsSet,
    codeSet: tagsSet.map(javaHash),
    subVersion: 0,
    classFilterMode: false,
  }
}

/** undefined when every message matches. */
export function filterOf(subscription: SubscriptionData): MessageFilter | undefined {
  if (subscription.expressionType !== undefined && subscription.expressionType !== 'TAG')
    // The code and the words of a broker with enablePropertyFilter=false (PullMessageProcessor.java).
    throw new ResponseError(
      'SYSTEM_ERROR',
      `The broker does not support consumer to filter message by ${subscription.expressionType}, only by TAG`,
    )
  if (subscription.subString === '*' || subscription.subString === '' || subscription.classFilterMode) return undefined
  // The queue holds only the tag's hash: consumers compare the tags themselves once more (ConsumeQueue.java).
  const codes = new Set<number>(
    subscription.codeSet?.length ? subscription.codeSet : (subscription.tagsSet ?? []).map(javaHash),
  )
  return { byEntry: tagsCode => codes.has(tagsCode) }
}

const isByTag = (expressionType: string | undefined) =>
  expressionType === undefined || expressionType === '' || expressionType === 'TAG'
