import { property, ResponseError, SCHEDULE_TOPIC, transactionType } from '@rocketcluster/protocol'
import { type OutgoingMessage, withProperties } from '../outgoing-message.ts'
import type { Redirect } from '../puts.ts'

const INT_MIN = -(2 ** 31)
const INT_MAX = 2 ** 31 - 1

/** Queue n of SCHEDULE_TOPIC_XXXX holds level n + 1 (ScheduleMessageService.java#delayLevel2QueueId). */
export const queueOfLevel = (level: number) => level - 1
export const levelOfQueue = (queueId: number) => queueId + 1

/**
 * The level that property DELAY asks for; 0 and below mean "at once". Throws SYSTEM_ERROR for what is no Java int, as
 * Apache's broker answers then (Message.java#getDelayTimeLevel).
 */
export function delayLevel(properties: ReadonlyMap<string, string>): number {
  const text = properties.get(property.DELAY_TIME_LEVEL)
  if (text === undefined) return 0
  const level = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  if (level >= INT_MIN && level <= INT_MAX) return level
  throw new ResponseError(
    'SYSTEM_ERROR',
    `property DELAY: ${JSON.stringify(text)} is not a delay level; allowed are whole numbers, 0 and below deliver at once`,
  )
}

/**
 * Messages with a delay level wait in SCHEDULE_TOPIC_XXXX; a level above the last one is taken for the last
 * (HookUtils.java#transformDelayLevelMessage). Half messages are delayed when they are committed. `levels` is read at each
 * use; `redirected` is told the level.
 */
export function delayRedirect(levels: () => readonly number[], redirected: (level: number) => void): Redirect {
  return message => {
    const asked = delayLevel(message.properties)
    if (asked <= 0) return undefined
    const type = transactionType(message.sysFlag)
    if (type !== 'NONE' && type !== 'COMMIT') return undefined
    const level = Math.min(asked, levels().length)
    redirected(level)
    return waiting(message, level)
  }
}

/** The delay by level wins over a moment (HookUtils.java#checkIfTimerMessage). */
function waiting(message: OutgoingMessage, level: number): OutgoingMessage {
  const properties = new Map([
    [property.REAL_TOPIC as string, message.topic],
    [property.REAL_QUEUE_ID, String(message.queueId)],
  ])
  for (const [name, value] of message.properties) if (!properties.has(name)) properties.set(name, value)
  return withProperties(
    { ...message, topic: SCHEDULE_TOPIC, queueId: queueOfLevel(level), properties },
    {
      [property.DELAY_TIME_LEVEL]: String(level),
      [property.TIMER_DELAY_SEC]: undefined,
      [property.TIMER_DELAY_MS]: undefined,
      [property.TIMER_DELIVER_MS]: undefined,
    },
  )
}
