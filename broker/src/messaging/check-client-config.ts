import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { filterOf, parseSubscription } from './subscription.ts'

/** CHECK_CLIENT_CONFIG: a consumer asks, before it starts, whether its filter expression will be understood. */
export const checkClientConfig: Handler<'checkClientConfig'> = (_header, { body }) => {
  const subscription = body?.subscriptionData
  if (!subscription) return {}
  try {
    filterOf(parseSubscription(subscription.topic, subscription.subString ?? '*', subscription.expressionType ?? 'TAG'))
  } catch (error) {
    if (error instanceof ResponseError) throw error
    throw new ResponseError('SUBSCRIPTION_PARSE_FAILED', (error as Error).message)
  }
  return {}
}
