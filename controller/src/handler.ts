import type { AnswerOf, controllerRequests, HeaderOf } from '@rocketcluster/protocol'
import type { RequestContext, ServerConnection, SpecialAnswerOf } from '@rocketcluster/remoting'
import type { ControllerServices } from './services.ts'

export type ControllerRequests = typeof controllerRequests

type Answer<Name extends keyof ControllerRequests> =
  | AnswerOf<ControllerRequests[Name]>
  | SpecialAnswerOf<ControllerRequests[Name]>

/** One request's handler: values in, an answer out, ResponseError for a refusal. */
export type Handler<Name extends keyof ControllerRequests> = (
  header: HeaderOf<ControllerRequests[Name]>,
  context: RequestContext<ControllerRequests[Name], ServerConnection> & ControllerServices,
) => Answer<Name> | Promise<Answer<Name>>
