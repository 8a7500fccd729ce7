import { f } from '../../fields.ts'

/**
 * What our brokers tell a controller about themselves beside RocketMQ's fields, in CONTROLLER_APPLY_BROKER_ID,
 * CONTROLLER_REGISTER_BROKER and BROKER_HEARTBEAT. An Apache broker sends none of them and is managed as Apache's controller
 * would; an Apache controller ignores them.
 */
export const groupMemberFields = {
  /** Random, written when the store directory is made. Its presence marks one of our brokers. */
  storeId: f.string().optional(),
  /** Changes exactly when the tail of the log may have been lost: a machine crash under asynchronous flush. */
  bootId: f.string().optional(),
  /** Random, chosen at each start of the process. */
  processId: f.string().optional(),
  /** How many members the group is declared to have: a first record, and one that is rebuilt, waits for all. */
  groupSize: f.int().optional(),
  /** The master's epoch when the master was heard on the replication link within the last 2 s. */
  heardMasterEpoch: f.int().optional(),
  /** The last record that this broker saw, as JSON (`groupRecord`). */
  seenRecord: f.string().optional(),
  /** The `formingRecord` of the last answer for which it took a new `processId`. */
  promisedRecord: f.string().optional(),
} as const

/** What a controller answers to our brokers beside RocketMQ's fields. An Apache broker ignores them. */
export const groupRecordReply = {
  /** The group's record as JSON (`groupRecord`). */
  record: f.string().optional(),
  /**
   * A record of this id is about to be formed, in place of none or of a lost one: stop being master, take a new `processId`, and
   * say so by `promisedRecord`. Two controllers may ask at once: the first promise is kept for 3 s, then given up for a smaller id,
   * after 6 s for any. What any earlier record said of the old process can then do no harm, however late it comes.
   */
  formingRecord: f.string().optional(),
} as const
