import { type Field, field } from '../../fields.ts'

/** Of several messages with one store time, the first or the last. */
export type BoundaryType = 'LOWER' | 'UPPER'

/** BoundaryType.java: "upper" in any case is UPPER, all else LOWER; absent is LOWER too. */
export const boundaryType = (): Field<BoundaryType> =>
  field<BoundaryType>(
    { parse: text => (text.toLowerCase() === 'upper' ? 'UPPER' : 'LOWER'), print: value => value },
    { value: 'LOWER' },
  )
