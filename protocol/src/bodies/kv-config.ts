import { s, type TypeOf, table } from './shape.ts'

/** KVConfigSerializeWrapper.java: the name server's kvConfig.json, values by namespace and key. */
export const kvConfig = s.bean({ configTable: table(table(s.string())) })
export type KVConfig = TypeOf<typeof kvConfig>
