import { isRetryTopic, javaHash, ResponseError, type SubscriptionData } from '@rocketcluster/protocol'
import type { ConsumerGroup } from '../clients/client-registry.ts'
import type { BrokerServices } from '../services.ts'
import type { MessageFilter } from '../store/types.ts'
import { isByTag, TAG } from './expression-type.ts'
import { compiledFilterOf } from './filter/compiled-filters.ts'
import type { ConsumerFilters } from './filter/consumer-filters.ts'
import { retriedFilter } from './filter/retried-filter.ts'

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
 * Which messages a pull wants, undefined for all of its queue: by its own expression when it brings one
 * (PULL_SUBSCRIPTION), else by what its group's heartbeats said (PullMessageProcessor.java). Throws
 * SUBSCRIPTION_PARSE_FAILED, SUBSCRIPTION_NOT_EXIST, SUBSCRIPTION_NOT_LATEST, FILTER_DATA_NOT_EXIST,
 * FILTER_DATA_NOT_LATEST, NO_PERMISSION, and SYSTEM_ERROR for SQL92 while enablePropertyFilter is off.
 */
export function wantedMessages(
  request: SubscriptionRequest,
  broadcastAllowed: boolean,
  { clients, filters, config }: Pick<BrokerServices, 'clients' | 'filters' | 'config'>,
): MessageFilter | undefined {
  const group = clients.consumerGroup(request.consumerGroup)
  const subscription = findSubscription(request, group, broadcastAllowed, filters)
  if (isByTag(subscription.expressionType)) return filterOf(subscription)
  const brought = (request.sysFlag & PULL_SUBSCRIPTION) !== 0
  const filter = brought ? filterOf(subscription) : knownFilter(request, subscription, filters)
  checkPropertyFilter(subscription.expressionType, config)
  return config.filterSupportRetry && isRetryTopic(request.topic)
    ? retriedFilter(filters, request.consumerGroup)
    : filter
}

/** Throws SYSTEM_ERROR, the code and the words of a broker with enablePropertyFilter=false (PullMessageProcessor.java). */
export function checkPropertyFilter(
  expressionType: string | undefined,
  { enablePropertyFilter }: Pick<BrokerServices['config'], 'enablePropertyFilter'>,
): void {
  if (!enablePropertyFilter)
    throw new ResponseError(
      'SYSTEM_ERROR',
      `The broker does not support consumer to filter message by ${expressionType}: enablePropertyFilter is false`,
    )
}

/** What the group's newest heartbeat made of its expression. */
function knownFilter(
  { topic, consumerGroup, subVersion }: SubscriptionRequest,
  subscription: SubscriptionData,
  filters: ConsumerFilters,
): MessageFilter {
  const known = filters.get(topic, consumerGroup)
  if (!known?.compiled) {
    const problem = problemOf(subscription)
    throw new ResponseError(
      'FILTER_DATA_NOT_EXIST',
      `The broker's consumer filter data is not exist!Your expression may be wrong!${problem ? ` ${problem}` : ''}`,
    )
  }
  if (known.clientVersion < subVersion)
    throw new ResponseError(
      'FILTER_DATA_NOT_LATEST',
      `the consumer's consumer filter data not latest: version ${known.clientVersion} is known, ${subVersion} was asked for`,
    )
  return known.compiled
}

function problemOf(subscription: SubscriptionData): string | undefined {
  try {
    filterOf(subscription)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/**
 * The subscription that a pull means. `filters` serve a consumer whose heartbeat has not come yet since this broker
 * started. Throws SUBSCRIPTION_PARSE_FAILED, SUBSCRIPTION_NOT_EXIST, SUBSCRIPTION_NOT_LATEST, NO_PERMISSION.
 */
export function findSubscription(
  request: SubscriptionRequest,
  group: ConsumerGroup | undefined,
  broadcastAllowed: boolean,
  filters?: ConsumerFilters,
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
  if (!group) {
    const stored = isByTag(request.expressionType) ? undefined : filters?.get(request.topic, request.consumerGroup)
    // Of just this version: the consumer that asks, and no other, has said what it wants.
    if (stored?.compiled && stored.clientVersion === request.subVersion && broadcastAllowed)
      return {
        ...subscriptionOf(request.topic, stored.expression, stored.expressionType),
        subVersion: request.subVersion,
      }
    throw new ResponseError(
      'SUBSCRIPTION_NOT_EXIST',
      `the consumer's group info not exist: ${request.consumerGroup} has sent no heartbeat to this broker`,
    )
  }
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

/**
 * Reads a filter expression: by tags `*`, or tags joined by `||` (FilterAPI.java), or one of SQL92. Throws Error when a tag
 * expression names no tag, when one of SQL92 does not parse, and for other types.
 */
export function parseSubscription(topic: string, subString: string, expressionType: string): SubscriptionData {
  if (!isByTag(expressionType)) {
    compiledFilterOf(expressionType, subString)
    return subscriptionOf(topic, subString, expressionType)
  }
  const all = subString === '' || subString === '*'
  const tagsSet = all
    ? []
    : subString
        .split('||')
        .map(tag => tag.trim())
        .filter(tag => tag !== '')
  if (!all && tagsSet.length === 0)
    throw new Error(`subscription ${JSON.stringify(subString)} names no tag; allowed are "*" or tags joined by "||"`)
  return { ...subscriptionOf(topic, all ? '*' : subString, TAG), tagsSet, codeSet: tagsSet.map(javaHash) }
}

const subscriptionOf = (topic: string, subString: string, expressionType: string): SubscriptionData => ({
  topic,
  subString,
  expressionType,
  tagsSet: [],
  codeSet: [],
  subVersion: 0,
  classFilterMode: false,
})

/** undefined when every message matches. Throws SUBSCRIPTION_PARSE_FAILED for an expression that does not compile. */
export function filterOf(subscription: SubscriptionData): MessageFilter | undefined {
  const { subString, expressionType } = subscription
  if (subscription.classFilterMode) return undefined
  if (expressionType !== undefined && !isByTag(expressionType)) {
    try {
      return compiledFilterOf(expressionType, subString ?? '')
    } catch (error) {
      throw new ResponseError('SUBSCRIPTION_PARSE_FAILED', (error as Error).message)
    }
  }
  if (subString === '*' || subString === '') return undefined
  // The queue holds only the tag's hash: consumers compare the tags themselves once more (ConsumeQueue.java).
  const codes = new Set<number>(
    subscription.codeSet?.length ? subscription.codeSet : (subscription.tagsSet ?? []).map(javaHash),
  )
  return { byEntry: tagsCode => codes.has(tagsCode) }
}
