/** A load whose every message can be recognised again: many sends under way, and a record of each acknowledgement. */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClientInstance, Producer } from '@rocketcluster/client'
import { nodeWorld } from '@rocketcluster/world/node'
import { silent } from './reader.ts'

export interface Acknowledged {
  readonly n: number
  readonly queueId: number
  readonly queueOffset: number
}

/** `N hash-of-N-repeated…`: sizes from some bytes to two KiB, so that records do not line up with anything. */
export function bodyOf(n: number): Buffer {
  const hash = createHash('sha256').update(String(n)).digest('hex')
  const size = 20 + (Number.parseInt(hash.slice(0, 6), 16) % 2000)
  return Buffer.from(`${n} ${hash.repeat(32)}`.slice(0, size))
}

export const keyOf = (n: number) => `key-${n}`
export const tagOf = (n: number) => (n % 2 === 0 ? 'even' : 'odd')

export class Load {
  readonly acknowledged: Acknowledged[] = []
  /** Sends that got another answer, or none: they may be in the store or not. */
  readonly failures = new Map<string, number>()
  readonly #topic: string
  readonly #producer: Producer
  readonly #client: ClientInstance
  #next: number
  #stopped = false
  #workers: Promise<void>[] = []

  constructor(nameServer: string, topic: string, { start = 0, sendMsgTimeout = 2000 } = {}) {
    const world = nodeWorld({ log: silent })
    this.#topic = topic
    this.#next = start
    this.#client = new ClientInstance(world, { nameServers: [nameServer], log: silent })
    this.#producer = new Producer(world, {
      client: this.#client,
      producerGroup: 'e2e_load',
      sendMsgTimeout,
      // A second attempt of the same message could be stored twice, which is allowed and would blur the picture.
      retryTimesWhenSendFailed: 0,
    })
  }

  /** Sends until `stop`, `width` messages at a time. */
  async start(width: number): Promise<void> {
    await this.#producer.start()
    this.#workers = Array.from({ length: width }, () => this.#work())
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      const n = this.#next++
      try {
        const { sendStatus, messageQueue, queueOffset } = await this.#producer.send({
          topic: this.#topic,
          body: bodyOf(n),
          keys: keyOf(n),
          tags: tagOf(n),
        })
        if (sendStatus === 'SEND_OK') this.acknowledged.push({ n, queueId: messageQueue.queueId, queueOffset })
        else this.#failed(sendStatus)
      } catch (error) {
        this.#failed((error as Error).message.replace(/\d{4,}/g, 'N').slice(0, 400))
        await sleep(20)
      }
    }
  }

  #failed(why: string): void {
    this.failures.set(why, (this.failures.get(why) ?? 0) + 1)
  }

  get sent(): number {
    return this.#next
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#workers)
    await this.#producer.stop()
    await this.#client.close()
  }

  /** So many more acknowledgements than now. */
  async more(count: number, timeoutMs = 20_000): Promise<void> {
    const wanted = this.acknowledged.length + count
    const deadline = performance.now() + timeoutMs
    while (this.acknowledged.length < wanted) {
      if (performance.now() > deadline)
        throw new Error(
          `only ${this.acknowledged.length} of ${wanted} messages were acknowledged within ${timeoutMs} ms; failures: ${JSON.stringify([...this.failures])}`,
        )
      await sleep(10)
    }
  }
}
