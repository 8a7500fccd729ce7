import type { Measure } from './measures/measure.ts'
import type { Setting } from './session.ts'

/** Measures that one broker with a fresh directory is taken through, one after the other. */
export interface Group {
  readonly setting: Setting
  /** GiB written before the first of them. */
  readonly stored: number
  readonly measures: readonly Measure[]
}

/**
 * With an empty store each measure has a broker of its own. Where filling takes minutes, or time is short (`share`), measures
 * of equal setting share one.
 */
export function plan(measures: readonly Measure[], storedGib: readonly number[], share: boolean): Group[] {
  return storedGib.flatMap(stored => {
    const wanted = measures.filter(measure => measure.atEachStored || stored === storedGib[0])
    if (!share && stored === 0)
      return wanted.map(measure => ({ setting: measure.setting, stored, measures: [measure] }))
    const groups = Map.groupBy(wanted, ({ setting }) => JSON.stringify(setting))
    return [...groups.values()].map(group => ({ setting: group[0]!.setting, stored, measures: group }))
  })
}
