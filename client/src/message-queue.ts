import type { MessageQueue } from '@rocketcluster/protocol'

export type { MessageQueue } from '@rocketcluster/protocol'

/** One text for each queue, to be used as a key. No name may contain a blank. */
export function queueKey({ topic, brokerName, queueId }: MessageQueue): string {
  return `${topic} ${brokerName} ${queueId}`
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** MessageQueue.java#compareTo: every member of a group has to sort alike. */
export function compareQueues(a: MessageQueue, b: MessageQueue): number {
  return byText(a.topic, b.topic) || byText(a.brokerName, b.brokerName) || a.queueId - b.queueId
}
