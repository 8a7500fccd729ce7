import type {
  AnswerOf,
  BodyOf,
  HeaderOf,
  Language,
  ReplyHeaderOf,
  RequestDeclaration,
  Requests,
  ResponseCodeName,
} from '@rocketcluster/protocol'
import type { Peer } from './peer.ts'

/** What a handler learns beside the header; the server's own services stand next to it. */
export interface RequestContext<D = RequestDeclaration, P = Peer> {
  readonly connection: P
  readonly code: number
  /** The typed body where the request declares one. */
  readonly body: BodyOf<D>
  /** Language and version of the caller, as its header says. */
  readonly language: Language
  readonly version: number
  readonly opaque: number
  readonly remark: string | undefined
  /** All extFields as they came. */
  readonly ext: Readonly<Record<string, string>>
  readonly oneWay: boolean
}

/** An answer other than SUCCESS need not carry all fields of the reply: QUERY_NOT_FOUND has no offset. */
export type SpecialAnswerOf<D> = Partial<ReplyHeaderOf<D>> & {
  status: Exclude<ResponseCodeName, 'SUCCESS'>
} & Pick<AnswerOf<D>, 'remark' | 'ext' | 'written' | 'body'>

type Returned<D> = AnswerOf<D> | SpecialAnswerOf<D> | void

export type Handler<D, Services = {}, P = Peer> = (
  header: HeaderOf<D>,
  context: RequestContext<D, P> & Services,
) => Returned<D> | Promise<Returned<D>>

/**
 * One handler for each request: `handlers satisfies Handlers<typeof brokerRequests, Services>` makes the compiler ask for the
 * ones that are missing.
 */
export type Handlers<R extends Requests, Services = {}, P = Peer> = {
  readonly [K in keyof R]: Handler<R[K], Services, P>
}

/** What was asked and how it ended; `status` is the response code's number, -1 for a request that nobody answers. */
export interface RequestRecord {
  readonly code: number
  readonly status: number
  readonly latencyMs: number
  readonly oneWay: boolean
}
