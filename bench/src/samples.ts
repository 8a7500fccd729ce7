import type { Contestant } from './contestants/contestant.ts'
import type { Figures } from './measures/measure.ts'

export type Who = Contestant['name']

/** What one measure said of one contestant in one round. */
export interface Sample {
  readonly measure: string
  readonly stored: number
  readonly round: number
  readonly who: Who
  readonly figures: Figures
}

/** A measure that could not be taken. */
export interface Failure {
  readonly measure: string
  readonly stored: number
  readonly round: number
  readonly who: Who
  readonly message: string
}

export interface Results {
  readonly samples: readonly Sample[]
  readonly failures: readonly Failure[]
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
