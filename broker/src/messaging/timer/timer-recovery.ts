import { recordQueueOffset } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import type { Store } from '../../store/store.ts'
import { timedMessage } from './timed-message.ts'
import { TimerCheckpoint, type TimerProgress } from './timer-checkpoint.ts'
import { TimerLog } from './timer-log.ts'
import type { TimerState } from './timer-state.ts'
import { countOf, type TimerUnit } from './timer-unit.ts'
import { TimerWheel, WHEEL_SLOTS } from './timer-wheel.ts'

export interface TimerPlaces {
  /** `<storePathRootDir>`: `timerwheel` and `timerlog/` lie here. */
  readonly root: string
  /** `<storePathRootDir>/config`. */
  readonly directory: string
  readonly precisionMs: number
  readonly logFileBytes: number
}

/**
 * Opens wheel, log and checkpoint and makes them agree after whatever ended the last process:
 *
 * - After one of ours the checkpoint says up to where the timer log is whole; the wheel's file may lack its newest entries,
 *   which are put in again. What lies behind is cut off: those messages are taken up again from the timer topic's queue.
 * - After an Apache broker the last two files of the log are read and every entry found is put into the wheel, as it does
 *   itself (TimerMessageStore.java#recover).
 * - When they cannot be made to agree, everything is made anew from the messages: see `rebuild`.
 *
 * Throws DiskError, and Error with a sentence for the operator.
 */
export async function openTimer(world: World, store: Store, places: TimerPlaces): Promise<TimerState> {
  const { disk, log } = world
  const opened: { close(): Promise<void> }[] = []
  try {
    const checkpoint = await TimerCheckpoint.open(disk, places.directory)
    opened.push(checkpoint)
    const timerLog = new TimerLog(disk, `${places.root}/timerlog`, places.logFileBytes)
    opened.push(timerLog)
    await timerLog.load()
    const wheel = await TimerWheel.open(disk, `${places.root}/timerwheel`, places.precisionMs)
    opened.push(wheel)
    const step = (timeMs: number) => timeMs - (timeMs % places.precisionMs)
    const nowMs = step(world.clock.now())
    const state: TimerState = {
      wheel,
      log: timerLog,
      checkpoint,
      queueOffset: 0,
      readTimeMs: nowMs,
      openFromMs: nowMs,
      deliveredInSlot: 0,
      pending: 0,
      knownTo: 0,
      knownBeforeMs: 0,
      wheelPos: 0,
    }
    const { found } = checkpoint
    if (found !== undefined) {
      const { progress } = found
      state.readTimeMs = step(progress.lastReadTimeMs)
      state.queueOffset = progress.lastTimerQueueOffset
      state.knownTo = progress.knownTo
      state.knownBeforeMs = progress.knownBeforeMs
      if (state.readTimeMs === progress.lastReadTimeMs) state.deliveredInSlot = progress.deliveredInSlot
    } else if (timerLog.fileCount > 0) state.readTimeMs = nowMs - (WHEEL_SLOTS - 1) * places.precisionMs
    state.openFromMs = state.readTimeMs

    const samePrecision = found === undefined || !found.ours || found.progress.precisionMs === places.precisionMs
    const agrees =
      samePrecision &&
      (found?.ours ? await rollForward(state, found.progress) : await takeOver(state, store, found?.progress))
    if (!agrees) {
      log.warn(
        { progress: found?.progress },
        'the timer’s wheel and log do not agree: they are made anew from the messages',
      )
      await rebuild(state, store, world.clock.now())
    } else await state.checkpoint.write(progressOf(state), world.clock.now())
    return state
  } catch (error) {
    for (const part of opened.reverse()) await part.close().catch(() => {})
    throw error
  }
}

/** What the checkpoint may say as soon as the commit log, the timer log up to its end, and what was delivered are on stable storage. */
export const progressOf = (state: TimerState): TimerProgress => ({
  lastReadTimeMs: state.readTimeMs,
  lastTimerLogFlushPos: state.log.end,
  lastTimerQueueOffset: state.queueOffset,
  wheelPos: state.wheelPos,
  deliveredInSlot: state.deliveredInSlot,
  pending: state.pending,
  knownTo: state.knownTo,
  knownBeforeMs: state.knownBeforeMs,
  precisionMs: state.wheel.precisionMs,
})

async function rollForward(state: TimerState, progress: TimerProgress): Promise<boolean> {
  const { wheel, log } = state
  const end = progress.lastTimerLogFlushPos
  if (end > 0 && (wheel.wasMissing || end > log.capacityEnd || end <= log.min)) return false
  const from = Math.max(progress.wheelPos, log.min)
  if (from < end && (await log.scan(from, end, (unit, position) => revise(wheel, unit, position))) !== end) return false
  await writeWheel(wheel)
  await log.cut(end)
  state.pending = progress.pending
  state.wheelPos = end
  return true
}

async function revise(wheel: TimerWheel, unit: TimerUnit, position: number): Promise<void> {
  const timeMs = unit.enqueueMs + unit.delayMs
  await wheel.load([timeMs])
  wheel.revise(timeMs, position, countOf(unit.magic))
  if (wheel.manyDirtyPages) await writeWheel(wheel)
}

async function writeWheel(wheel: TimerWheel): Promise<void> {
  await wheel.flush(wheel.takeDirty())
}

/** From an Apache broker, or a checkpoint that is not whole. */
async function takeOver(state: TimerState, store: Store, progress: TimerProgress | undefined): Promise<boolean> {
  const { wheel, log } = state
  if (log.fileCount === 0) {
    // Nothing was ever taken up; a wheel without its log is of no use.
    if (!wheel.wasMissing) await wheel.clear()
    await log.cut(0)
    return (progress?.lastTimerLogFlushPos ?? 0) === 0
  }
  if (wheel.wasMissing) return false
  const flushed = progress?.lastTimerLogFlushPos ?? 0
  const from = Math.max(log.min, log.startOf(Math.max(0, flushed - log.fileSizeBytes)))
  let last: TimerUnit | undefined
  const end = await log.scan(from, log.capacityEnd, async (unit, position) => {
    last = unit
    await revise(wheel, unit, position)
  })
  await writeWheel(wheel)
  await log.cut(end)
  state.wheelPos = end
  const next = last === undefined ? undefined : await behind(store, last)
  if (next !== undefined) state.queueOffset = progress === undefined ? next : Math.min(next, state.queueOffset)
  let pending = 0
  await wheel.survey(state.readTimeMs, state.readTimeMs + WHEEL_SLOTS * wheel.precisionMs, ({ num }) => {
    pending += num
  })
  state.pending = pending
  return true
}

/** Where the queue goes on behind the message of an entry. */
async function behind(store: Store, { physicalOffset }: TimerUnit): Promise<number | undefined> {
  const record = await store.readRecord(physicalOffset)
  return record !== undefined && timedMessage(record) !== undefined ? recordQueueOffset(record, 0) + 1 : undefined
}

/**
 * Empties wheel and log; every message that the timer's topic still has is taken up again, but for those whose time lies before
 * what had been delivered. Messages that had rolled are delivered more than once then. Throws DiskError.
 */
export async function rebuild(state: TimerState, store: Store, nowMs: number): Promise<void> {
  const { wheel, log } = state
  // In the middle of another rebuilding what was known before that counts on.
  if (state.queueOffset >= state.knownTo) {
    state.knownTo = state.queueOffset
    state.knownBeforeMs = state.readTimeMs
  }
  state.queueOffset = store.minOffset('rmq_sys_wheel_timer', 0)
  state.deliveredInSlot = 0
  state.pending = 0
  state.wheelPos = 0
  // In this order: a checkpoint that speaks of a log that is not there is what tells the next start to do all this again.
  await log.clear()
  await wheel.clear()
  await state.checkpoint.write(progressOf(state), nowMs)
}
