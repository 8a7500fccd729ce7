import { isRetryTopic, topicProblem } from '@rocketcluster/protocol'
import type { RegisteredTopic } from './registry/types.ts'

/** Clients make an object per queue; nobody has so many on one broker. */
const MAX_QUEUES = 65_535

/** PermName.java knows four bits. */
const MAX_PERM = 15

/** Why a topic cannot be offered to clients, or undefined. */
export function topicConfigProblem({
  topicName,
  readQueueNums,
  writeQueueNums,
  perm,
}: RegisteredTopic): string | undefined {
  // The retry topics of pop consumers hold group and topic with a + between them, which no other topic may have.
  const nameProblem = topicProblem(isRetryTopic(topicName) ? topicName.replace('+', '_') : topicName)
  if (nameProblem !== undefined) return `topic ${nameProblem}`
  for (const [field, value, max] of [
    ['readQueueNums', readQueueNums, MAX_QUEUES],
    ['writeQueueNums', writeQueueNums, MAX_QUEUES],
    ['perm', perm, MAX_PERM],
  ] as const)
    if (!Number.isInteger(value) || value < 0 || value > max)
      return `topic ${topicName}: ${field} ${value} is not a whole number from 0 to ${max}`
  return undefined
}
