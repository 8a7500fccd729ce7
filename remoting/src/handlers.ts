import type { AnswerOf, BodyOf, HeaderOf, Language, RequestDeclaration } from '@rocketcluster/protocol'
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

export type Handler<D, Services = {}, P = Peer> = (
  header: HeaderOf<D>,
  context: RequestContext<D, P> & Services,
) => AnswerOf<D> | void | Promise<AnswerOf<D> | void>

/**
 * One handler for each request: `handlers satisfies Handlers<typeof brokerRequests, Services>` makes the compiler ask for the
 * ones that are missing.
 */
export type Handlers<
  Requests extends Record<string, RequestDeclaration<any, any, any, any>>,
  Services = {},
  P = Peer,
> = {
  [K in keyof Requests]: Handler<Requests[K], Services, P>
}

/** What was asked and how it ended; `status` is the response code's number, -1 for a request that nobody answers. */
export interface RequestRecord {
  readonly code: number
  readonly status: number
  readonly latencyMs: number
  readonly oneWay: boolean
}
