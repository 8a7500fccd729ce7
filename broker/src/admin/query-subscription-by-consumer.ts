import type { Handler } from '../handler.ts'

/** QUERY_SUBSCRIPTION_BY_CONSUMER: what a group's members filter by in one topic. */
export const querySubscriptionByConsumer: Handler<'querySubscriptionByConsumer'> = ({ group, topic }, { clients }) => {
  const subscriptionData = topic ? clients.consumerGroup(group)?.subscriptions.get(topic) : undefined
  return { body: { group, topic, subscriptionData } }
}
