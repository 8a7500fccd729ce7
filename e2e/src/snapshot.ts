/** Everything that a broker tells about its store, as plain values that can be compared. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type Connected, connected, readQueue } from './reader.ts'

export interface Wanted {
  readonly topics: readonly string[]
  readonly groups: readonly string[]
  /** Asked of each topic. */
  readonly keys: readonly string[]
  readonly timestamps: readonly number[]
}

export type Snapshot = Readonly<Record<string, unknown>>

export async function snapshot(nameServer: string, wanted: Wanted): Promise<Snapshot> {
  return connected(nameServer, async connection => {
    const found: Record<string, unknown> = {}
    for (const topic of wanted.topics) await ofTopic(connection, topic, wanted, found)
    return found
  })
}

async function ofTopic(
  { admin, consumer, client }: Connected,
  topic: string,
  wanted: Wanted,
  found: Record<string, unknown>,
) {
  const route = await admin.topicRoute(topic)
  found[`route of ${topic}`] = route.queueDatas.map(({ readQueueNums, writeQueueNums, perm }) => ({
    readQueueNums,
    writeQueueNums,
    perm,
  }))
  for (const queue of await consumer.fetchQueues(topic)) {
    const name = `${topic}/${queue.queueId}`
    const messages = await readQueue(consumer, queue)
    found[`messages of ${name}`] = messages.map(message => ({
      queueOffset: message.queueOffset,
      physicalOffset: message.physicalOffset,
      offsetMsgId: message.offsetMsgId,
      bornTimestamp: message.bornTimestamp,
      storeTimestamp: message.storeTimestamp,
      flag: message.flag,
      properties: Object.fromEntries([...message.properties].sort()),
      body: createHash('sha256').update(message.body).digest('hex'),
    }))
    found[`end of ${name}`] = await consumer.maxOffset(queue)
    for (const timestamp of wanted.timestamps)
      found[`offset of ${name} at ${timestamp}`] = await consumer.searchOffset(queue, timestamp)
    for (const consumerGroup of wanted.groups) {
      const { PullConsumer } = await import('@rocketcluster/client')
      const member = new PullConsumer(client.world, { client, consumerGroup })
      found[`offset of ${consumerGroup} in ${name}`] = (await member.committedOffset(queue)) ?? -1
    }
  }
  for (const key of wanted.keys)
    found[`key ${key} in ${topic}`] = (await admin.queryMessage(topic, key)).map(message => message.offsetMsgId).sort()
}

/** Waits until the broker tells the same again: consume queues follow the log a moment after a start. */
export async function expectSame(nameServer: string, wanted: Wanted, before: Snapshot, when: string): Promise<void> {
  const deadline = performance.now() + 10_000
  for (;;) {
    let problem: string
    try {
      const after = await snapshot(nameServer, wanted)
      if (isDeepStrictEqual(after, before)) return
      problem = difference(before, after)
    } catch (error) {
      problem = (error as Error).message
    }
    if (performance.now() > deadline) throw new Error(`${when}: ${problem}`)
    await sleep(200)
  }
}

function difference(before: Snapshot, after: Snapshot): string {
  const differing = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    key => !isDeepStrictEqual(before[key], after[key]),
  )
  const show = (value: unknown) => (Array.isArray(value) ? `${value.length} entries` : JSON.stringify(value))
  return differing
    .slice(0, 8)
    .map(key => {
      const [a, b] = [before[key], after[key]]
      const first =
        Array.isArray(a) && Array.isArray(b) ? a.findIndex((entry, i) => !isDeepStrictEqual(entry, b[i])) : -1
      const detail =
        first >= 0
          ? `; first at ${first}: ${JSON.stringify((a as unknown[])[first])} and ${JSON.stringify((b as unknown[])[first])}`
          : ''
      return `${key}: was ${show(a)}, is ${show(b)}${detail}`
    })
    .join('\n')
}

const UNIT = 20

/** The entries of every consume queue on disk, without what is not used yet: `topic/queue` to a digest of its units in order. */
export async function consumeQueuesOnDisk(
  storeDirectory: string,
): Promise<Map<string, { units: number; digest: string }>> {
  const root = join(storeDirectory, 'consumequeue')
  const found = new Map<string, { units: number; digest: string }>()
  for (const topic of await readdir(root).catch((): string[] => []))
    for (const queueId of await readdir(join(root, topic))) {
      const digest = createHash('sha256')
      let units = 0
      for (const file of (await readdir(join(root, topic, queueId))).sort()) {
        const data = await readFile(join(root, topic, queueId, file))
        let end = 0
        // An entry's size is never 0, and nothing follows the first that is.
        while (end + UNIT <= data.length && data.readInt32BE(end + 8) > 0) end += UNIT
        digest.update(data.subarray(0, end))
        units += end / UNIT
      }
      if (units > 0) found.set(`${topic}/${queueId}`, { units, digest: digest.digest('hex') })
    }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}
