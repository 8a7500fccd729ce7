import { kvTable } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** GET_KVLIST_BY_NAMESPACE: all values of one namespace kept in the name server. */
export const getKvlistByNamespace = request({
  code: 219,
  header: { namespace: f.string() },
  replyBody: kvTable,
  answers: ['QUERY_NOT_FOUND'],
})
