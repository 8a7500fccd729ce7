import { dataVersion } from './data-version.ts'
import { s, type TypeOf } from './shape.ts'

/** DelayOffsetSerializeWrapper.java, and config/delayOffset.json: queue offsets by delay level. */
export const delayOffset = s.bean({
  dataVersion: dataVersion.optional(),
  offsetTable: s.map(s.int(), s.long()).default(() => new Map()),
})
export type DelayOffset = TypeOf<typeof delayOffset>
