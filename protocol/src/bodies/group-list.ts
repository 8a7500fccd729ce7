import { items, s, type TypeOf } from './shape.ts'

/** GroupList.java */
export const groupList = s.bean({ groupList: items(s.string()) })
export type GroupList = TypeOf<typeof groupList>
