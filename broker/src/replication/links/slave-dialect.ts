/** Who a slave is, in a group whose master a controller chooses. */
export interface SlaveIdentity {
  readonly brokerId: number
  /** Empty from an Apache broker, as is `bootId`. */
  readonly storeId: string
  readonly bootId: string
  /** It never is in sync. */
  readonly isLearner: boolean
}

/** How a master speaks with one slave: the frames of a kind of link. */
export interface SlaveDialect {
  /** Undefined when it has not said, or never will. */
  readonly identity: SlaveIdentity | undefined
  /** How often this slave hears something and may be silent, when it is not as configured. Milliseconds. */
  readonly rhythm: { readonly heartbeatIntervalMs: number; readonly silenceMs: number } | undefined
  /**
   * Takes what the slave sends; `reply` says something at once. Returns the newest report: the physical offset up to which it has
   * the log. Throws Error with what is wrong: the link is closed then.
   */
  feed(chunk: Buffer, reply: (bytes: Uint8Array) => void): number | undefined
  /** In front of so many bytes of the log from `physicalOffset` on; with 0 bytes it is a beat. */
  header(physicalOffset: number, bytes: number): Uint8Array
  /** A frame that begins at `physicalOffset` must not reach beyond this. */
  endAt(physicalOffset: number): number
}
