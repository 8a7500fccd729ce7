import type { AnswerOf, brokerRequests, HeaderOf } from '@rocketcluster/protocol'
import type { RequestContext, ServerConnection } from '@rocketcluster/remoting'
import type { BrokerServices } from './services.ts'

export type BrokerRequests = typeof brokerRequests

/** What a handler is given beside the header: the request's circumstances and the broker's parts. */
export type BrokerContext<Name extends keyof BrokerRequests> = RequestContext<BrokerRequests[Name], ServerConnection> &
  BrokerServices

/** One request's handler. It has never heard of frames: values in, an answer out, ResponseError for a refusal. */
export type Handler<Name extends keyof BrokerRequests> = (
  header: HeaderOf<BrokerRequests[Name]>,
  context: BrokerContext<Name>,
) => AnswerOf<BrokerRequests[Name]> | Promise<AnswerOf<BrokerRequests[Name]>>
