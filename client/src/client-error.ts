/** Why a client could not do what it was asked, before any server said anything. */
export type ClientErrorCode =
  | 'NO_NAME_SERVER'
  | 'NO_ROUTE'
  | 'NO_WRITABLE_QUEUE'
  | 'NO_BROKER'
  | 'NOT_RUNNING'
  | 'SEND_FAILED'

export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
