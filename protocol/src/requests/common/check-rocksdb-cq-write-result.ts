import { s, type TypeOf } from '../../bodies/shape.ts'

/** CheckRocksdbCqWriteResult.java. `checkStatus`: 0 equal, 1 not equal, 2 in progress, 3 could not be checked. */
export const checkRocksdbCqWriteResult = s.bean({ checkResult: s.string().optional(), checkStatus: s.int().default(0) })
export type CheckRocksdbCqWriteResult = TypeOf<typeof checkRocksdbCqWriteResult>
