import type { Fields, ValuesOf } from './fields.ts'
import type { ResponseCodeName } from './response-codes.ts'

/** How a body becomes a value and back. `decode` throws FieldError('body', …). */
export interface BodyCodec<T> {
  encode(value: T): Uint8Array
  decode(bytes: Buffer): T
}

/** One request of RocketMQ's protocol; all else (types, codecs, handler maps, client calls) follows from this value. */
export interface RequestDeclaration<H extends Fields = Fields, R extends Fields = Fields, B = unknown, RB = unknown> {
  readonly code: number
  readonly header: H
  readonly body?: BodyCodec<B>
  readonly reply: R
  readonly replyBody?: BodyCodec<RB>
  /** Response codes other than SUCCESS which are ordinary answers: `invoke` resolves with them and does not throw. */
  readonly answers?: readonly ResponseCodeName[]
  /** Codes that are not answered by anybody (RequestCode.java "oneway" notifications). */
  readonly oneWay?: boolean
}

/** Declares a request. */
export function request<
  const H extends Fields = {},
  const R extends Fields = {},
  B = undefined,
  RB = undefined,
>(declaration: {
  code: number
  header?: H
  body?: BodyCodec<B>
  reply?: R
  replyBody?: BodyCodec<RB>
  answers?: readonly ResponseCodeName[]
  oneWay?: boolean
}): RequestDeclaration<H, R, B, RB> {
  return { ...declaration, header: declaration.header ?? ({} as H), reply: declaration.reply ?? ({} as R) }
}

type OptionalWhereUndefined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: T[K]
}

export type HeaderOf<D> = D extends RequestDeclaration<infer H, any, any, any> ? ValuesOf<H> : never
export type BodyOf<D> = D extends RequestDeclaration<any, any, infer B, any> ? B : never
export type ReplyBodyOf<D> = D extends RequestDeclaration<any, any, any, infer RB> ? RB : never
export type ReplyHeaderOf<D> = D extends RequestDeclaration<any, infer R, any, any> ? ValuesOf<R> : never

/**
 * What a handler returns: the reply's header fields, and beside them names that no RocketMQ reply header uses:
 * the status (SUCCESS unless given), the remark, the body, extra extFields and a callback for the body's memory.
 */
export type AnswerOf<D> = OptionalWhereUndefined<ReplyHeaderOf<D>> & {
  status?: ResponseCodeName
  remark?: string
  ext?: Readonly<Record<string, string>>
  /** Called exactly once when the body's buffers are no longer needed: the socket took them, or the peer is gone. */
  written?: () => void
} & (ReplyBodyOf<D> extends undefined ? { body?: undefined } : { body?: ReplyBodyOf<D> | readonly Uint8Array[] })

/** What a caller gets: the decoded reply. */
export type ReplyOf<D> = ReplyHeaderOf<D> & {
  status: ResponseCodeName
  remark?: string
  ext: Readonly<Record<string, string>>
  body: ReplyBodyOf<D> | undefined
}
