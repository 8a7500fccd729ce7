import { queryConsumeTimeSpanBody } from '../bodies/index.ts'
import { f } from '../fields.ts'
import { request } from '../request.ts'

/** QUERY_CONSUME_TIME_SPAN: how old the messages are at which a group stands. */
export const queryConsumeTimeSpan = request({
  code: 303,
  header: { topic: f.string(), group: f.string() },
  replyBody: queryConsumeTimeSpanBody,
})
