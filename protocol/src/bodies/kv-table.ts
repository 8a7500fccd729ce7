import { s, type TypeOf, table } from './shape.ts'

/** KVTable.java: names and texts, such as a broker's runtime information. */
export const kvTable = s.bean({ table: table(s.string()) })
export type KVTable = TypeOf<typeof kvTable>
