/** The words that the store and its users share. */

/** A message as it is handed to the store. The store copies what it keeps: buffers may be reused after the call. */
export interface MessageToStore {
  readonly topic: string
  readonly queueId: number
  /** The user's flag. */
  readonly flag: number
  /** MessageSysFlag bits, the host-address bits included. */
  readonly sysFlag: number
  readonly bornTimestamp: number
  /** Address (4 or 16 bytes) and port (4 bytes, big-endian), as in the record. */
  readonly bornHost: Uint8Array
  readonly reconsumeTimes: number
  readonly preparedTransactionOffset: number
  readonly body: Uint8Array
  /** The encoded properties string (name 0x01 value 0x02 …) in UTF-8. */
  readonly properties: Uint8Array
  /** What goes into the consume queue: the tags' hash, or a delivery time for SCHEDULE_TOPIC_XXXX. */
  readonly tagsCode: number
  /** UNIQ_KEY, indexed as `topic#uniqKey`. */
  readonly uniqKey?: string
  /** KEYS, space separated; each word is indexed as `topic#word`. */
  readonly keys?: string
}

/** Where a message came to lie. It is not durable yet: await `Store.committed`. */
export interface Appended {
  /** The topic it lies in: one that has to wait does so in another. */
  readonly topic: string
  readonly physicalOffset: number
  readonly queueOffset: number
  readonly sizeBytes: number
  readonly storeTimestamp: number
}

export type PutStatus = 'PUT_OK' | 'FLUSH_DISK_TIMEOUT' | 'FLUSH_SLAVE_TIMEOUT'

/** GetMessageStatus.java */
export type GetMessageStatus =
  | 'FOUND'
  | 'NO_MATCHED_MESSAGE'
  | 'MESSAGE_WAS_REMOVING'
  | 'OFFSET_FOUND_NULL'
  | 'OFFSET_OVERFLOW_BADLY'
  | 'OFFSET_OVERFLOW_ONE'
  | 'OFFSET_TOO_SMALL'
  | 'NO_MATCHED_LOGIC_QUEUE'
  | 'NO_MESSAGE_IN_QUEUE'

/** Decides per entry. `byEntry` sees the consume queue only; `byRecord` the whole record (SQL filters), when present. */
export interface MessageFilter {
  byEntry(tagsCode: number): boolean
  byRecord?(record: Uint8Array): boolean
  /** Most queue entries that one request may look at, where judging them is much work. */
  readonly maxEntries?: number
}

export interface GetMessageRequest {
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly maxCount: number
  readonly maxBytes?: number
  readonly filter?: MessageFilter
}

export interface GetMessageResult {
  readonly status: GetMessageStatus
  /**
   * Whole records, ready for the socket; those that lie one behind the other are one slice (`recordStarts` finds each).
   * May point into the store's own memory: read-only, until `release`.
   */
  readonly records: readonly Uint8Array[]
  readonly messageCount: number
  readonly sizeBytes: number
  readonly nextBeginOffset: number
  readonly minOffset: number
  readonly maxOffset: number
  /** The reader lags so far behind that a slave should serve it (beyond accessMessageInMemoryMaxRatio). */
  readonly suggestPullingFromSlave: boolean
  /** The records' memory may be reused from now on. Call exactly once, when the socket has taken them. */
  release(): void
}

/** A message has become readable in its queue. */
export interface Arrival {
  readonly topic: string
  readonly queueId: number
  /** The queue's maxOffset after it: one behind the message. */
  readonly maxOffset: number
  readonly tagsCode: number
  readonly storeTimestamp: number
}

export interface QueryResult {
  /** Physical offsets, newest first; hash collisions are still among them. */
  readonly physicalOffsets: readonly number[]
  readonly indexLastUpdateTimestamp: number
  readonly indexLastUpdatePhysicalOffset: number
}
