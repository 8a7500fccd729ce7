import { type ResponseCodeName, responseCodes } from './response-codes.ts'

/**
 * What the protocol can say when something is refused. Thrown by a handler, it becomes the answer's code and remark;
 * the remoting client throws the same class again on the other side.
 */
export class ResponseError extends Error {
  override readonly name = 'ResponseError'
  readonly status: ResponseCodeName
  /** The number on the wire; differs from the table only for codes we do not know. */
  readonly code: number

  constructor(status: ResponseCodeName, remark: string, options?: ErrorOptions & { code?: number }) {
    super(remark, options)
    this.status = status
    this.code = options?.code ?? responseCodes[status].code
  }
}

/** Bytes that are not what they claim to be. Says where and what is allowed; the connection that sent them is closed. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
}

/** A header field that is missing or not what its declaration allows. Answered, not closed: the frame itself was sound. */
export class FieldError extends Error {
  override readonly name = 'FieldError'
  readonly field: string

  constructor(field: string, problem: string) {
    super(`field ${field}: ${problem}`)
    this.field = field
  }
}
