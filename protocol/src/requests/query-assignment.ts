import { queryAssignmentRequestBody, queryAssignmentResponseBody } from '../bodies/index.ts'
import { request } from '../request.ts'

/** QUERY_ASSIGNMENT: which queues should this consumer read? For clients that let the broker balance. */
export const queryAssignment = request({
  code: 400,
  body: queryAssignmentRequestBody,
  replyBody: queryAssignmentResponseBody,
})
