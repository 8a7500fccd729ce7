import {
  bytesBody,
  type CommandHeader,
  compileHeader,
  decodeHeader,
  FieldError,
  type Frame,
  frameBytes,
  isOneWay,
  type Language,
  MalformedError,
  type Requests,
  type ResponseCodeName,
  ResponseError,
  responseCodes,
} from '@rocketcluster/protocol'
import type { Clock, Log } from '@rocketcluster/world'
import type { Handler, RequestContext, RequestRecord } from './handlers.ts'
import type { Peer } from './peer.ts'
import { decodeBody, encodeReplyFields } from './wire.ts'

export interface DispatcherOptions<P extends Peer> {
  readonly clock: Clock
  readonly log: Log
  readonly services: object
  /** Answers codes that have no handler; without it they get REQUEST_CODE_NOT_SUPPORTED. */
  readonly fallback?: Handler<any, any, P>
  readonly onRequest?: (record: RequestRecord) => void
}

interface Route<P> {
  readonly declaration: Requests[string]
  readonly handler: Handler<any, any, P>
}

/** From a request frame to its handler and back: decodes, calls, encodes what is returned or thrown. */
export class Dispatcher<P extends Peer> {
  readonly #options: DispatcherOptions<P>
  readonly #routes = new Map<number, Route<P>>()
  readonly #fallback: Route<P>
  readonly #Context: new (
    peer: P,
    header: CommandHeader,
    body: unknown,
    oneWay: boolean,
  ) => RequestContext<any, P>

  constructor(options: DispatcherOptions<P>) {
    this.#options = options
    const declaration = { code: -1, header: {}, body: bytesBody, reply: {}, replyBody: bytesBody }
    this.#fallback = { declaration, handler: options.fallback ?? notSupported }
    this.#Context = contextClass<P>(options.services)
  }

  /** Throws when the code has a handler already. */
  add(declaration: Requests[string], handler: Handler<any, any, P>): void {
    const { code } = declaration
    if (this.#routes.has(code)) throw new Error(`request code ${code} has a handler already`)
    this.#routes.set(code, { declaration, handler })
  }

  /** Never throws. What `gate` throws is answered instead of calling the handler. */
  dispatch(peer: P, header: CommandHeader, frame: Frame, gate?: (header: CommandHeader) => void): void {
    peer.language = header.language
    peer.version = header.version
    const exchange = this.#begin(peer, frame, header)
    const { declaration, handler } = exchange.route
    let answer: any
    try {
      gate?.(header)
      const fields = compileHeader(declaration.header).decode(header.extFields)
      const body = decodeBody(declaration, frame)
      answer = handler(fields, new this.#Context(peer, header, body, isOneWay(header)) as any)
    } catch (error) {
      this.#refuse(exchange, error)
      return
    }
    if (typeof answer?.then === 'function')
      answer.then(
        (value: unknown) => this.#answer(exchange, value),
        (error: unknown) => this.#refuse(exchange, error),
      )
    else this.#answer(exchange, answer)
  }

  /** Answers a frame with what a hot handler threw. `peer.begin` has been called for it. */
  refuse(peer: P, frame: Frame, error: unknown): void {
    const header = decodeHeader(frame)
    const bytes = frameBytes(frame)
    this.#refuse({ peer, header, route: this.#fallback, bytes, startMs: this.#options.clock.monotonicMs() }, error)
  }

  #begin(peer: P, frame: Frame, header: CommandHeader): Exchange<P> {
    const { clock, onRequest } = this.#options
    const bytes = frameBytes(frame)
    peer.begin(bytes)
    const route = this.#routes.get(header.code) ?? this.#fallback
    return { peer, header, route, bytes, startMs: onRequest ? clock.monotonicMs() : 0 }
  }

  #answer(exchange: Exchange<P>, answer: any): void {
    const { peer, header, route } = exchange
    let code = -1
    if (!isOneWay(header)) {
      try {
        const status: ResponseCodeName = answer?.status ?? 'SUCCESS'
        code = responseCodes[status].code
        const ext = encodeExt(route.declaration, answer, status)
        const body = answer?.body === undefined ? undefined : encodeReplyBody(route.declaration, answer.body)
        peer.answer({ code, opaque: header.opaque, remark: answer?.remark, ext }, body, answer?.written)
      } catch (cause) {
        // A handler returned what its declaration, or the header's form, does not allow. Nothing of it was written.
        answer?.written?.()
        this.#refuse(exchange, new Error(`the answer cannot be encoded: ${(cause as Error).message}`, { cause }))
        return
      }
    } else answer?.written?.()
    this.#finish(exchange, code)
  }

  #refuse(exchange: Exchange<P>, error: unknown): void {
    const { peer, header } = exchange
    const known = error instanceof ResponseError
    const code = known ? error.code : responseCodes.SYSTEM_ERROR.code
    const remark =
      error instanceof Error
        ? known || isInput(error)
          ? error.message
          : `${error.name}: ${error.message}`
        : String(error)
    if (!known && !isInput(error))
      this.#options.log.error(
        { code: header.code, remoteAddress: peer.remoteAddress, err: error },
        'a request failed for a reason that its handler did not foresee',
      )
    const oneWay = isOneWay(header)
    if (!oneWay)
      try {
        peer.answer({ code, opaque: header.opaque, remark, ext: undefined })
      } catch (err) {
        this.#options.log.error({ code: header.code, err }, 'connection closed: not even the refusal can be encoded')
        peer.destroy()
      }
    this.#finish(exchange, oneWay ? -1 : code)
  }

  #finish({ peer, header, bytes, startMs }: Exchange<P>, status: number): void {
    const { clock, onRequest, log } = this.#options
    peer.done(bytes)
    if (!onRequest) return
    try {
      onRequest({ code: header.code, status, latencyMs: clock.monotonicMs() - startMs, oneWay: isOneWay(header) })
    } catch (err) {
      log.error({ err }, 'onRequest failed')
    }
  }
}

interface Exchange<P> {
  readonly peer: P
  readonly header: CommandHeader
  readonly route: Route<P>
  readonly bytes: number
  readonly startMs: number
}

/** The caller's mistake: its sentence says all, and it is no news for our log. */
function isInput(error: unknown): boolean {
  return error instanceof FieldError || error instanceof MalformedError
}

function notSupported(_: unknown, { code }: { code: number }): never {
  // The leading blank is RocketMQ's (NettyRemotingAbstract.java#processRequestCommand).
  throw new ResponseError('REQUEST_CODE_NOT_SUPPORTED', ` request type ${code} not supported`)
}

/** Fields of the reply which a refusal or a special answer need not have are only written when given. */
function encodeExt(declaration: Requests[string], answer: any, status: ResponseCodeName) {
  const ext = encodeReplyFields(declaration.reply, answer ?? {}, status === 'SUCCESS')
  return answer?.ext ? Object.assign(ext, answer.ext) : ext
}

function encodeReplyBody({ code, replyBody }: Requests[string], body: unknown): readonly Uint8Array[] {
  if (body instanceof Uint8Array) return [body]
  // An empty list is a value of its own where the body is not just bytes.
  const isBuffers = Array.isArray(body) && (body.length > 0 ? body[0] instanceof Uint8Array : replyBody === bytesBody)
  if (isBuffers) return body
  if (!replyBody) throw new Error(`request ${code} declares no reply body`)
  return [replyBody.encode(body)]
}

/** A class whose instances inherit the services, so that a context costs one small object however many services there are. */
function contextClass<P>(
  services: object,
): new (
  peer: P,
  header: CommandHeader,
  body: unknown,
  oneWay: boolean,
) => RequestContext<any, P> {
  class Context {
    readonly connection: P
    readonly code: number
    readonly body: unknown
    readonly language: Language
    readonly version: number
    readonly opaque: number
    readonly remark: string | undefined
    readonly ext: Readonly<Record<string, string>>
    readonly oneWay: boolean

    constructor(peer: P, header: CommandHeader, body: unknown, oneWay: boolean) {
      this.connection = peer
      this.code = header.code
      this.body = body
      this.language = header.language
      this.version = header.version
      this.opaque = header.opaque
      this.remark = header.remark
      this.ext = header.extFields
      this.oneWay = oneWay
    }
  }
  Object.setPrototypeOf(Context.prototype, services)
  return Context as any
}
