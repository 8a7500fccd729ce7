import { items, s, type TypeOf } from './shape.ts'

/** GetConsumerListByGroupResponseBody.java: client ids. */
export const getConsumerListByGroupResponseBody = s.bean({ consumerIdList: items(s.string()) })
export type GetConsumerListByGroupResponseBody = TypeOf<typeof getConsumerListByGroupResponseBody>
