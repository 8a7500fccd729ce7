/** Reads and checks what a broker of either make holds, with our own client: the view that all suites share. */
import { Admin, ClientInstance, type MessageQueue, PullConsumer, type ReceivedMessage } from '@rocketcluster/client'
import { nodeLog, nodeWorld } from '@rocketcluster/world/node'

export interface StoredMessage {
  /** The number that the body begins with. */
  readonly n: number
  readonly queueId: number
  readonly queueOffset: number
  readonly message: ReceivedMessage
}

/** One for all: each log listens for the end of the process. */
export const silent = nodeLog({ level: 'silent' })

export interface Connected {
  readonly client: ClientInstance
  readonly admin: Admin
  readonly consumer: PullConsumer
}

/** A client for the time of `work`. */
export async function connected<T>(nameServer: string, work: (connected: Connected) => Promise<T>): Promise<T> {
  const world = nodeWorld({ log: silent })
  const client = new ClientInstance(world, { nameServers: [nameServer], log: silent, timeoutMs: 5000 })
  const admin = new Admin(world, { client })
  const consumer = new PullConsumer(world, { client, consumerGroup: 'e2e_reader' })
  try {
    return await work({ client, admin, consumer })
  } finally {
    await client.close()
  }
}

/** All messages of one queue, from its first to its last; throws when an offset between them is missing or given twice. */
export async function readQueue(consumer: PullConsumer, queue: MessageQueue): Promise<ReceivedMessage[]> {
  const messages: ReceivedMessage[] = []
  let offset = await consumer.minOffset(queue)
  const end = await consumer.maxOffset(queue)
  while (offset < end) {
    const result = await consumer.pull(queue, { offset, maxMsgNums: 32 })
    for (const message of result.messages) {
      if (message.queueOffset !== offset)
        throw new Error(
          `${queue.topic} queue ${queue.queueId}: offset ${offset} is missing, ${message.queueOffset} comes instead`,
        )
      messages.push(message)
      offset++
    }
    if (result.messages.length > 0) continue
    throw new Error(
      `${queue.topic} queue ${queue.queueId}: ${result.pullStatus} at offset ${offset}, and the queue ends at ${end}`,
    )
  }
  return messages
}

/** All messages of a topic, queue by queue. */
export async function readTopic(nameServer: string, topic: string): Promise<StoredMessage[]> {
  return connected(nameServer, async ({ consumer }) => {
    const stored: StoredMessage[] = []
    for (const queue of await consumer.fetchQueues(topic))
      for (const message of await readQueue(consumer, queue))
        stored.push({
          n: Number.parseInt(message.body.toString('utf8', 0, 20), 10),
          queueId: queue.queueId,
          queueOffset: message.queueOffset,
          message,
        })
    return stored
  })
}
