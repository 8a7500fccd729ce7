import { property, ResponseError, transactionType } from '@rocketcluster/protocol'
import { type OutgoingMessage, withProperties } from '../outgoing-message.ts'
import type { Redirect } from '../puts.ts'
import { encodeRecallHandle } from './recall-handle.ts'

/** Where messages wait for their time, in queue 0 (TimerMessageStore.java). */
export const TIMER_TOPIC = 'rmq_sys_wheel_timer'

/** In the order of precedence: the first that a message has counts. */
const PROPERTIES = [property.TIMER_DELAY_SEC, property.TIMER_DELAY_MS, property.TIMER_DELIVER_MS] as const

export interface TimerSettings {
  readonly timerWheelEnable: boolean
  readonly timerPrecisionMs: number
  readonly timerMaxDelaySec: number
  readonly timerCongestNumEachSlot: number
}

/** What the redirect has to know of the world. */
export interface TimerSurroundings {
  now(): number
  /** An integer in [0, bound). */
  randomInt(bound: number): number
  /** How many messages wait for that slot already, as far as that is known without asking the disk. */
  congestion(slotMs: number): number
}

/**
 * Sends messages with a time of their own to the timer's topic (HookUtils.java#handleScheduleMessage). Those whose time has
 * come already stay in their topic. Throws ResponseError: MESSAGE_ILLEGAL for a time that is no number or too far away, or
 * for a recall that comes too late; SYSTEM_ERROR when there is no timer, or too many messages for one moment.
 */
export function timerRedirect(settings: TimerSettings, surroundings: TimerSurroundings): Redirect {
  return message => {
    const { properties } = message
    const type = transactionType(message.sysFlag)
    if (type !== 'NONE' && type !== 'COMMIT') return undefined
    // One that has been through the wheel is on its way out; a delay level goes before any time.
    if (message.topic === TIMER_TOPIC || properties.has(property.TIMER_OUT_MS)) return undefined
    if (Number(properties.get(property.DELAY_TIME_LEVEL) ?? 0) > 0) return undefined
    const name = PROPERTIES.find(one => properties.has(one))
    if (name === undefined) return undefined
    if (!settings.timerWheelEnable)
      throw new ResponseError(
        'SYSTEM_ERROR',
        `property ${name}: accurate timer message is not enabled, timerWheelEnable is false`,
      )
    return redirected(message, name, settings, surroundings)
  }
}

function redirected(
  message: OutgoingMessage,
  name: (typeof PROPERTIES)[number],
  settings: TimerSettings,
  surroundings: TimerSurroundings,
): OutgoingMessage | undefined {
  const text = message.properties.get(name)!
  const nowMs = surroundings.now()
  const deliverMs = deliveryTime(name, text, nowMs)
  if (deliverMs <= nowMs) {
    if (message.properties.has(property.TIMER_DEL_UNIQKEY))
      throw new ResponseError(
        'MESSAGE_ILLEGAL',
        `timer message illegal, property ${name} is ${text}: a message that deletes another must name a time in the future`,
      )
    return undefined
  }
  const maxDelayMs = settings.timerMaxDelaySec * 1000
  if (deliverMs - nowMs > maxDelayMs)
    throw new ResponseError(
      'MESSAGE_ILLEGAL',
      `timer message illegal, property ${name} is ${text}: the delay time should not be bigger than the max delay ${maxDelayMs}ms (timerMaxDelaySec)`,
    )
  const slotMs = slotOf(deliverMs, settings.timerPrecisionMs)
  refuseCongestion(slotMs, settings.timerCongestNumEachSlot, surroundings)
  return {
    ...withProperties(message, {
      [property.TIMER_OUT_MS]: String(slotMs),
      [property.REAL_TOPIC]: message.topic,
      [property.REAL_QUEUE_ID]: String(message.queueId),
    }),
    topic: TIMER_TOPIC,
    queueId: 0,
  }
}

function deliveryTime(name: string, text: string, nowMs: number): number {
  if (!/^[+-]?\d{1,19}$/.test(text))
    throw new ResponseError('MESSAGE_ILLEGAL', `timer message illegal, property ${name} is ${text}: not an integer`)
  const value = Number(text)
  if (name === property.TIMER_DELAY_SEC) return nowMs + value * 1000
  return name === property.TIMER_DELAY_MS ? nowMs + value : value
}

/**
 * The slot whose end is the first moment, in steps of the precision, at or behind `deliverMs`: slots are delivered when they
 * have passed, so never too early.
 */
export function slotOf(deliverMs: number, precisionMs: number): number {
  const inside = deliverMs % precisionMs
  return inside === 0 ? deliverMs - precisionMs : deliverMs - inside
}

/** Beyond the limit more and more are refused, at twice the limit all (TimerMessageStore.java#isReject). */
function refuseCongestion(slotMs: number, limit: number, { congestion, randomInt }: TimerSurroundings): void {
  const waiting = congestion(slotMs)
  if (waiting <= limit) return
  if (waiting < limit * 2 && randomInt(1000) >= (1000 * (waiting - limit)) / limit) return
  throw new ResponseError(
    'SYSTEM_ERROR',
    `timer message is under flow control: ${waiting} messages wait for ${slotMs}, timerCongestNumEachSlot is ${limit}`,
  )
}

/** By what the producer may take the message back; undefined when it does not wait for a time (SendMessageProcessor.java#attachRecallHandle). */
export function recallHandleOf(stored: OutgoingMessage, brokerName: string): string | undefined {
  if (stored.topic !== TIMER_TOPIC) return undefined
  const topic = stored.properties.get(property.REAL_TOPIC)
  const slotMs = stored.properties.get(property.TIMER_OUT_MS)
  const messageId = stored.properties.get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX)
  if (topic === undefined || slotMs === undefined || messageId === undefined) return undefined
  if (topic.startsWith('%RETRY%')) return undefined
  return encodeRecallHandle({ topic, brokerName, timestamp: String(Number(slotMs) + 1), messageId })
}
