import { s, type TypeOf } from './shape.ts'

/** DataVersion.java: which edition of some metadata. `timestamp` in ms; `stateVersion` is the master's epoch. */
export const dataVersion = s.bean({
  counter: s.long().default(0),
  stateVersion: s.long().default(0),
  timestamp: s.long().default(0),
})
export type DataVersion = TypeOf<typeof dataVersion>

export function sameDataVersion(a: DataVersion, b: DataVersion): boolean {
  return compareDataVersions(a, b) === 0
}

/** Negative when `a` is older than `b`: by state, then counter, then time (DataVersion.java#compare). */
export function compareDataVersions(a: DataVersion, b: DataVersion): number {
  return a.stateVersion - b.stateVersion || a.counter - b.counter || a.timestamp - b.timestamp
}
