import type { Measure } from './measures/measure.ts'
import type { Setting } from './session.ts'

/** Measures that one broker with a fresh directory is taken through, one after the other. */
export interface Group {
  readonly setting: Setting
  /** GiB written before the first of them. */
  readonly stored: number
  readonly measures: readonly Measure[]
}

/** More would write so much that the disk gets full, and with it the brokers' retention busy. */
const MOST_ON_A_FILLED_BROKER = 3

/**
 * With an empty store each measure has a broker of its own. Where filling takes minutes, a few of equal setting share one;
 * where time is short (`hurry`), all of them do.
 */
export function plan(measures: readonly Measure[], storedGib: readonly number[], hurry: boolean): Group[] {
  return storedGib.flatMap(stored => {
    const most = hurry ? measures.length : stored === 0 ? 1 : MOST_ON_A_FILLED_BROKER
    const wanted = measures.filter(measure => measure.atEachStored || stored === storedGib[0])
    const bySetting = Map.groupBy(wanted, ({ setting }) => JSON.stringify(setting))
    return [...bySetting.values()].flatMap(equal =>
      chunks(equal, most).map(group => ({ setting: group[0]!.setting, stored, measures: group })),
    )
  })
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}
