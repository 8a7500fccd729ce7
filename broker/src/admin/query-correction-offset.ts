import type { Handler } from '../handler.ts'

/** Java's Long.MAX_VALUE, as near as a number comes to it: no group may start there. */
const NOWHERE = Number.MAX_SAFE_INTEGER

/**
 * QUERY_CORRECTION_OFFSET: for each queue of a topic the lowest offset at which any group stands that the store still has;
 * where the group compareGroup stands below it: nowhere. filterGroups (separated by commas) do not count. Apache forgets
 * the offsets of those groups when it is asked (ConsumerOffsetManager.java#queryMinOffsetInAllGroup); a question changes nothing here.
 */
export const queryCorrectionOffset: Handler<'queryCorrectionOffset'> = (header, { offsets, store }) => {
  const { topic, compareGroup } = header
  const leftOut = new Set((header.filterGroups ?? '').split(',').filter(group => group !== ''))
  const correctionOffsets = new Map<number, number>()
  for (const group of offsets.groupsOf(topic)) {
    if (leftOut.has(group)) continue
    for (const [queueId, queueOffset] of offsets.queuesOf(group, topic) ?? []) {
      if (queueOffset < store.minOffset(topic, queueId)) continue
      correctionOffsets.set(queueId, Math.min(queueOffset, correctionOffsets.get(queueId) ?? NOWHERE))
    }
  }
  for (const [queueId, queueOffset] of offsets.queuesOf(compareGroup, topic) ?? [])
    if ((correctionOffsets.get(queueId) ?? 0) > queueOffset) correctionOffsets.set(queueId, NOWHERE)
  return { body: { correctionOffsets } }
}
