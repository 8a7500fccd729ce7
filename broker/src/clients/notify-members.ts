import { clientRequests } from '@rocketcluster/protocol'
import type { BrokerServices } from '../services.ts'

/** NOTIFY_CONSUMER_IDS_CHANGED to every member: they share out the queues again at once instead of within 20 s. */
export function notifyMembers({ clients, groups, config }: BrokerServices, groupName: string): void {
  if (!config.notifyConsumerIdsChangedEnable) return
  if (groups.get(groupName)?.notifyConsumerIdsChangedEnable === false) return
  for (const { channel } of clients.consumerGroup(groupName)?.members.values() ?? []) {
    try {
      channel.notify(clientRequests.notifyConsumerIdsChanged, { consumerGroup: groupName })
    } catch {
      // It is gone or does not read; it will learn of the change by itself.
    }
  }
}
