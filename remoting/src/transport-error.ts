/**
 * `unreachable` also stands for a name that does not resolve and a TLS handshake that fails; the message says which. `busy`:
 * this end has as many requests or bytes on the way to that address as it allows itself.
 */
export type TransportErrorKind = 'refused' | 'timeout' | 'closed' | 'unreachable' | 'busy'

/**
 * The wire failed, not the server. `sent` says whether bytes of the request may have reached the peer: false means it was
 * certainly not carried out and may be repeated anywhere, true means nobody knows.
 */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  readonly kind: TransportErrorKind
  readonly sent: boolean

  constructor(kind: TransportErrorKind, message: string, options: ErrorOptions & { sent: boolean }) {
    super(message, options)
    this.kind = kind
    this.sent = options.sent
  }
}
