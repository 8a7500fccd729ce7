import { messageQueue } from './message-queue.ts'
import { items, s, type TypeOf, table } from './shape.ts'

/** OffsetWrapper.java; `lastTimestamp` in ms is the store time of the last message consumed. */
export const offsetWrapper = s.bean({
  brokerOffset: s.long().default(0),
  consumerOffset: s.long().default(0),
  lastTimestamp: s.long().default(0),
  pullOffset: s.long().default(0),
})
export type OffsetWrapper = TypeOf<typeof offsetWrapper>

/** ConsumeStats.java */
export const consumeStats = s.bean({
  consumeTps: s.double().default(0),
  offsetTable: s.map(messageQueue, offsetWrapper).default(() => new Map()),
})
export type ConsumeStats = TypeOf<typeof consumeStats>

/** ConsumeStatsList.java: of all groups on one broker. */
export const consumeStatsList = s.bean({
  brokerAddr: s.string().optional(),
  consumeStatsList: items(table(s.list(consumeStats))),
  totalDiff: s.long().default(0),
  totalInflightDiff: s.long().default(0),
})
export type ConsumeStatsList = TypeOf<typeof consumeStatsList>
