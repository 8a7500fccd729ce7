import type { Session, Setting } from '../session.ts'

/** How long things run; `--quick` has shorter ones. */
export interface Pace {
  /** Load before anything is measured: a JVM is warm after 10 to 20 s. */
  readonly warmUpSeconds: number
  /** Before further loads of a broker that is warm. */
  readonly shortWarmUpSeconds: number
  readonly seconds: number
  /** Messages of 1 KiB in the backlogs that are consumed. */
  readonly backlog: number
  /** Of the cold measure: it reads what no start-up touched, so the log has to be some files longer than the backlog. */
  readonly coldFileBytes: number
}

/** What of one figure the issue asks for, as a bound on ours divided by Apache's. */
export interface Target {
  readonly atLeast?: number
  readonly atMost?: number
}

export interface Metric {
  readonly key: string
  readonly title: string
  readonly unit: string
  readonly better: 'more' | 'less'
  readonly target?: Target
  /** A mark of ours that has no Apache to be compared with. */
  readonly mark?: { readonly value: number; readonly text: string }
  /** Held to stay within 10 % between an empty store and the fullest. */
  readonly flat?: boolean
}

export type Figures = Readonly<Record<string, number>>

/** One thing that is measured of a running broker. */
export interface Measure {
  /** For `--only`. */
  readonly name: string
  readonly title: string
  readonly setting: Setting
  /** False: only with an empty store, where more would say nothing new. */
  readonly atEachStored: boolean
  /** Whether the broker is under load for long enough to be warm afterwards. */
  readonly loads: boolean
  readonly metrics: readonly Metric[]
  run(session: Session, pace: Pace): Promise<Figures>
}

export const ASYNC_FLUSH: Setting = { heap: 'default', conf: { flushDiskType: 'ASYNC_FLUSH' } }
export const SYNC_FLUSH: Setting = { heap: 'default', conf: { flushDiskType: 'SYNC_FLUSH' } }

/** For a load's own start and end, and a machine that is slow. */
export function timeoutMs(seconds: number): number {
  return (seconds * 3 + 60) * 1000
}
