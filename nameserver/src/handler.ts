import type { AnswerOf, HeaderOf, nameserverRequests } from '@rocketcluster/protocol'
import type { RequestContext, ServerConnection } from '@rocketcluster/remoting'
import type { NameserverServices } from './services.ts'

export type NameserverRequests = typeof nameserverRequests

/** What a handler is given beside the header: the request's circumstances and the name server's parts. */
export type NameserverContext<Name extends keyof NameserverRequests> = RequestContext<
  NameserverRequests[Name],
  ServerConnection
> &
  NameserverServices

/** One request's handler. It has never heard of frames: values in, an answer out, ResponseError for a refusal. */
export type Handler<Name extends keyof NameserverRequests> = (
  header: HeaderOf<NameserverRequests[Name]>,
  context: NameserverContext<Name>,
) => AnswerOf<NameserverRequests[Name]> | Promise<AnswerOf<NameserverRequests[Name]>>
