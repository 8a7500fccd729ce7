import { type DecodedMessage, property } from '@rocketcluster/protocol'
import { checkTimesOf, firstOffsetOf } from './half-message.ts'

/** The keys of broker.conf that the schedule follows, all but fileReservedTime in milliseconds. */
export interface ScheduleSettings {
  readonly transactionTimeOut: number
  readonly transactionCheckInterval: number
  readonly transactionCheckMax: number
  /** Hours. */
  readonly fileReservedTime: number
}

/** From the tenth on all pauses are equal. */
const LONGEST_PAUSE_INTERVALS = 10
/** A record is set aside before the log's file goes: after this part of the time it is kept. */
const KEPT_SHARE = 0.95
const HOUR_MS = 3_600_000

/**
 * Wall time from which producers may be asked about the message (again). The first time is when it is transactionTimeOut,
 * or its own CHECK_IMMUNITY_TIME_IN_SECONDS, old. Apache asks every transactionCheckInterval from then on; here the pauses
 * grow by one interval each, so that a producer that is down for minutes does not use all checks up.
 */
export function checkDueMs(half: DecodedMessage, settings: ScheduleSettings): number {
  const times = checkTimesOf(half)
  if (times === 0) return bornMs(half) + immunityMs(half, settings.transactionTimeOut)
  return half.storeTimestamp + pauseMs(times, settings)
}

/** How long nobody is asked after the `times`-th check. */
export function pauseMs(times: number, { transactionCheckInterval }: ScheduleSettings): number {
  // Half an interval less: a round a millisecond too early would otherwise cost a whole interval.
  return transactionCheckInterval * (Math.min(times, LONGEST_PAUSE_INTERVALS) - 0.5)
}

/** How old a message has to be before it is asked about (TransactionalMessageServiceImpl.java#getImmunityTime). */
export function immunityMs(half: DecodedMessage, transactionTimeOut: number): number {
  const seconds = half.properties.get(property.CHECK_IMMUNITY_TIME_IN_SECONDS)
  return seconds !== undefined && /^\d{1,12}$/.test(seconds) ? Number(seconds) * 1000 : transactionTimeOut
}

/**
 * A message with an immunity of its own whose producer decides later than that has to wait to be asked: another instance
 * may have answered differently meanwhile (EndTransactionProcessor.java#rejectCommitOrRollback).
 */
export function answersTooLate(half: DecodedMessage, transactionTimeOut: number, nowMs: number): boolean {
  if (!half.properties.get(property.CHECK_IMMUNITY_TIME_IN_SECONDS)) return false
  return nowMs - half.bornTimestamp > Math.max(transactionTimeOut, immunityMs(half, transactionTimeOut))
}

/**
 * Whether nobody is asked any more: all checks are used up, or the message is older than what the log keeps. Once it
 * was put back only the producer's clock knows its age; before that a wrong clock does not decide.
 */
export function isGivenUp(half: DecodedMessage, settings: ScheduleSettings, nowMs: number): boolean {
  const times = checkTimesOf(half)
  if (times >= settings.transactionCheckMax) return true
  const keptMs = settings.fileReservedTime * HOUR_MS * KEPT_SHARE
  if (nowMs - half.storeTimestamp > keptMs) return true
  const isCopy = times > 0 || firstOffsetOf(half) !== half.queueOffset
  return isCopy && nowMs - half.bornTimestamp > keptMs
}

/** A producer's clock may run ahead of ours: then what counts is when we got the message. */
const bornMs = (half: DecodedMessage) => Math.min(half.bornTimestamp, half.storeTimestamp)
