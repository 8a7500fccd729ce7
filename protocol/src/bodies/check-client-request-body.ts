import { s, type TypeOf } from './shape.ts'
import { subscriptionData } from './subscription-data.ts'

/** CheckClientRequestBody.java: is this SQL92 subscription one that the broker understands? */
export const checkClientRequestBody = s.bean({
  clientId: s.string().optional(),
  group: s.string().optional(),
  namespace: s.string().optional(),
  subscriptionData: subscriptionData.optional(),
})
export type CheckClientRequestBody = TypeOf<typeof checkClientRequestBody>
