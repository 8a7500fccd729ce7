import { items, s, type TypeOf } from './shape.ts'

/** One member of a group in the group's record. */
export const groupMember = s.bean({
  brokerId: s.long(),
  /** Its own address, never that of the group: where replicas and controllers find it. */
  address: s.string(),
  /** What its store directory was given when it was made; empty for an Apache broker, which says nothing of it. */
  storeId: s.string().default(''),
  /** Changes exactly when the tail of its log may have been lost: a machine crash under asynchronous flush. */
  bootId: s.string().default(''),
  /** Chosen at random by each process at its start. */
  processId: s.string().default(''),
  /** `registerCheckCode` of CONTROLLER_APPLY_BROKER_ID: lets the broker that was given this id ask again. */
  checkCode: s.string().default(''),
})
export type GroupMember = TypeOf<typeof groupMember>

/**
 * Who is master of a broker group, since which epoch, and which members are in sync: the one record that decides it, changed
 * only by compare-and-swap. Ours, not RocketMQ's. Controllers store it, and hand it to brokers, which keep the last one they
 * saw beside their epoch file and show it when they register again.
 */
export const groupRecord = s.bean({
  /** Random, given when the record is made: epochs of two records cannot be compared. */
  recordId: s.string(),
  /** The records that this one was made from after they were lost, the oldest first. */
  replaces: items(s.string()),
  /** Random, given at each change: after a lost answer it tells whose change is the one that stands. */
  changeId: s.string().default(''),
  /** What the last change was, for people. */
  change: s.string().default(''),
  clusterName: s.string(),
  brokerName: s.string(),
  /** Absent while there has never been a master. */
  masterBrokerId: s.long().optional(),
  /** The process that was elected. A later process of the same broker is not the master. */
  masterProcessId: s.string().default(''),
  /** 0 while there has never been a master. */
  masterEpoch: s.int(),
  syncStateSet: items(s.long()),
  /** Grows with every election and every change of the set: the higher of two is the later record. */
  syncStateSetEpoch: s.int(),
  /** The id that the next new member is offered. Ids are never given twice. */
  nextBrokerId: s.long().default(1),
  members: items(groupMember),
})
export type GroupRecord = TypeOf<typeof groupRecord>
