import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { isByTag, TAG } from './expression-type.ts'
import { checkPropertyFilter, parseSubscription } from './subscription.ts'

/**
 * CHECK_CLIENT_CONFIG: a consumer asks, before it starts, whether its filter expression will be understood
 * (ClientManageProcessor.java). Throws SUBSCRIPTION_PARSE_FAILED, or SYSTEM_ERROR while enablePropertyFilter is off.
 */
export const checkClientConfig: Handler<'checkClientConfig'> = (_header, { body, config }) => {
  const subscription = body?.subscriptionData
  if (!subscription) return {}
  const { topic, subString, expressionType } = subscription
  const byTag = isByTag(expressionType)
  if (!byTag) checkPropertyFilter(expressionType, config)
  try {
    parseSubscription(topic, subString ?? (byTag ? '*' : ''), expressionType ?? TAG)
  } catch (error) {
    throw new ResponseError('SUBSCRIPTION_PARSE_FAILED', (error as Error).message)
  }
  return {}
}
