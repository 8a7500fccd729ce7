import { brokerRequests, decodeRecords } from '@rocketcluster/protocol'
import { type Fixture, propertiesOf } from '../../../testing/broker-fixture.ts'

/** Log files of 11,040 bytes, queue files of 39 entries. */
export const SMALL_FILES = { compactionMappedFileSize: 9200, compactionCqMappedFileSize: 1840 }

export interface Entry {
  readonly key: string
  readonly value: string
  readonly queueOffset: number
}

export const createTable = (fixture: Fixture, topic: string, queues = 1) =>
  fixture.ask(brokerRequests.updateAndCreateTopic, {
    topic,
    defaultTopic: 'TBW102',
    readQueueNums: queues,
    writeQueueNums: queues,
    perm: 6,
    topicFilterType: 'SINGLE_TAG',
    order: false,
    attributes: '+cleanup.policy=COMPACTION',
  })

export const put = (fixture: Fixture, topic: string, key: string, value: string, queueId = 0, tag = 'a') =>
  fixture.send(topic, { queueId, body: value, properties: propertiesOf({ KEYS: key, TAGS: tag }) })

export const pull = (fixture: Fixture, topic: string, queueOffset: number, queueId = 0, subscription = '*') =>
  fixture.ask(
    brokerRequests.pullMessage,
    {
      consumerGroup: 'CG',
      topic,
      queueId,
      queueOffset,
      maxMsgNums: 32,
      sysFlag: 4,
      commitOffset: 0,
      suspendTimeoutMillis: 0,
      subscription,
      subVersion: 0,
      expressionType: 'TAG',
    },
    { timeoutMs: 60_000 },
  )

export const entriesOf = (body: unknown): Entry[] =>
  decodeRecords(Buffer.from((body as Uint8Array | undefined) ?? [])).map(message => ({
    key: message.property('KEYS') ?? '',
    value: message.body.toString(),
    queueOffset: message.queueOffset,
  }))

/** What a consumer is given that reads a queue from an offset to its end, each pull where the one before said. */
export async function readAll(fixture: Fixture, topic: string, from = 0, queueId = 0): Promise<Entry[]> {
  const all: Entry[] = []
  for (let at = from; ; ) {
    const answer = await pull(fixture, topic, at, queueId)
    const entries = entriesOf(answer.body)
    for (const entry of entries) {
      const before = all.at(-1)?.queueOffset ?? from - 1
      if (entry.queueOffset <= before) throw new Error(`offset ${entry.queueOffset} came after ${before}`)
      if (entry.queueOffset >= answer.nextBeginOffset)
        throw new Error(`offset ${entry.queueOffset} is not before nextBeginOffset ${answer.nextBeginOffset}`)
      all.push(entry)
    }
    if (answer.nextBeginOffset < at) throw new Error(`nextBeginOffset goes back: ${answer.nextBeginOffset} from ${at}`)
    if (answer.status === 'PULL_NOT_FOUND') return all
    if (answer.nextBeginOffset === at) throw new Error(`status ${answer.status} at ${at} does not go on`)
    at = answer.nextBeginOffset
  }
}

/** The newest value of each key. */
export const newest = (entries: readonly Entry[]) => new Map(entries.map(({ key, value }) => [key, value]))

/** Copies and compacts now. */
export async function compact({ broker, sim }: Fixture): Promise<void> {
  const { store, compaction } = broker.services
  await store.flush()
  await compaction!.copy()
  await sim.sleep(1)
  await compaction!.compact()
}

/** The commit log forgets all that the checkpoint vouches for and nobody needs, whatever its age. */
export async function expire({ broker }: Fixture): Promise<void> {
  const { store } = broker.services
  store.configure({ fileReservedTime: 0 })
  await store.deleteExpiredFiles()
}
