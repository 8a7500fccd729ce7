import { type Acked, type CreatedTopic, type Delivered, type Place, placeKey, queueOf, type Stored } from './history.ts'

/** One broken promise, in a sentence for who reads the story. */
export type Violation = string

/** No acknowledged message is lost: it lies where the answer said. */
export function lost(acked: readonly Acked[], stored: readonly Stored[]): Violation[] {
  const held = new Map(stored.map(message => [placeKey(message), message.id]))
  return acked
    .filter(message => held.get(placeKey(message)) !== message.id)
    .map(
      message =>
        `lost: ${message.id} was acknowledged at ${message.atMs.toFixed(0)} ms as ${placeKey(message)}, where there is ${held.get(placeKey(message)) ?? 'nothing'}`,
    )
}

/** A queue offset names one message for ever, whoever saw it: producers, consumers, the store. */
export function reused(...sights: readonly (readonly (Place & { readonly id: string })[])[]): Violation[] {
  const owner = new Map<string, string>()
  const found = new Set<Violation>()
  for (const sight of sights) {
    for (const message of sight) {
      const key = placeKey(message)
      const before = owner.get(key)
      if (before === undefined) owner.set(key, message.id)
      else if (before !== message.id) found.add(`reused: ${key} was ${before} and then ${message.id}`)
    }
  }
  return [...found]
}

/** Who sends one message after the other finds them in that order in each queue. */
export function outOfOrder(acked: readonly Acked[]): Violation[] {
  const last = new Map<string, Acked>()
  const found: Violation[] = []
  for (const message of acked) {
    const key = `${message.producer} ${queueOf(message)}`
    const before = last.get(key)
    if (before && before.queueOffset >= message.queueOffset)
      found.push(`order: ${message.id} at ${placeKey(message)} was sent after ${before.id} at ${placeKey(before)}`)
    last.set(key, message)
  }
  return found
}

/** Every acknowledged message comes to the group. */
export function undelivered(acked: readonly Acked[], delivered: readonly Delivered[]): Violation[] {
  const came = new Set(delivered.map(({ id }) => id))
  return acked
    .filter(({ id }) => !came.has(id))
    .map(message => `undelivered: ${message.id} at ${placeKey(message)}, acknowledged at ${message.atMs.toFixed(0)} ms`)
}

/** The group may see a message again, but it passes over none: what comes is at most one ahead of what has come. */
export function skipped(delivered: readonly Delivered[]): Violation[] {
  const next = new Map<string, number>()
  const found: Violation[] = []
  for (const message of delivered) {
    const key = queueOf(message)
    const expected = next.get(key) ?? 0
    if (message.queueOffset > expected)
      found.push(`skipped: ${message.consumer} got ${placeKey(message)} although the group had come to ${expected}`)
    next.set(key, Math.max(expected, message.queueOffset + 1))
  }
  return found
}

/** Nothing comes that nobody sent. */
export function invented(sent: ReadonlySet<string>, seen: readonly (Place & { readonly id: string })[]): Violation[] {
  return seen.filter(({ id }) => !sent.has(id)).map(message => `invented: ${message.id} at ${placeKey(message)}`)
}

/** Queues are dense: offsets rise by one, and so do the places in the log. */
export function holes(stored: readonly Stored[]): Violation[] {
  const last = new Map<string, Stored>()
  const found: Violation[] = []
  for (const message of stored) {
    const before = last.get(queueOf(message))
    const expected = before ? before.queueOffset + 1 : 0
    if (message.queueOffset !== expected)
      found.push(`hole: ${placeKey(message)} follows ${before ? placeKey(before) : 'nothing'}`)
    else if (before && before.physicalOffset >= message.physicalOffset)
      found.push(`hole: ${placeKey(message)} lies at ${message.physicalOffset}, before its predecessor`)
    last.set(queueOf(message), message)
  }
  return found
}

/** Consume queues hold what a rebuild from the log alone gives. */
export function differsFromRebuild(kept: readonly Stored[], rebuilt: readonly Stored[]): Violation[] {
  const print = (message: Stored) => `${placeKey(message)} -> ${message.physicalOffset} ${message.id}`
  const left = new Set(kept.map(print))
  const right = new Set(rebuilt.map(print))
  return [
    ...[...left].filter(line => !right.has(line)).map(line => `rebuild: only the consume queue has ${line}`),
    ...[...right].filter(line => !left.has(line)).map(line => `rebuild: the consume queue misses ${line}`),
  ]
}

/** A topic whose creation was acknowledged is there. */
export function forgottenTopics(
  created: readonly CreatedTopic[],
  known: ReadonlyMap<string, ReadonlySet<string>>,
): Violation[] {
  return created
    .filter(({ brokerName, topic }) => !known.get(brokerName)?.has(topic))
    .map(({ brokerName, topic }) => `topic: ${brokerName} acknowledged topic ${topic} and has forgotten it`)
}
