import { type MessageQueue, nameserverRequests, ResponseError, type TopicRouteData } from '@rocketcluster/protocol'
import type { RemotingClient } from '@rocketcluster/remoting'
import type { Clock } from '@rocketcluster/world'
import { PERM_READ } from '../../metadata/system-topics.ts'

/** TopicRouteInfoManager.java asks again after so long. */
const FRESH_MS = 30_000
/** A topic that nobody asks for any more is forgotten. */
const FORGET_MS = 10 * 60_000
const TIMEOUT_MS = 3000

interface Known {
  readonly queues: readonly MessageQueue[] | undefined
  readonly atMs: number
}

/** The queues of topics on all brokers, as the name servers know them: what a broker that shares out queues has to know. */
export class TopicRoutes {
  readonly #client: RemotingClient
  readonly #clock: Clock
  readonly #nameServers: () => readonly string[]
  readonly #known = new Map<string, Known>()
  readonly #asking = new Map<string, Promise<Known>>()

  constructor(client: RemotingClient, clock: Clock, nameServers: () => readonly string[]) {
    this.#client = client
    this.#clock = clock
    this.#nameServers = nameServers
  }

  /** Every queue that can be read; undefined when no name server knows the topic, or none answers and none did before. */
  async queuesOf(topic: string): Promise<readonly MessageQueue[] | undefined> {
    const known = this.#known.get(topic)
    if (known?.queues !== undefined && this.#clock.monotonicMs() - known.atMs < FRESH_MS) return known.queues
    let asking = this.#asking.get(topic)
    if (asking === undefined) {
      asking = this.#ask(topic, known).finally(() => this.#asking.delete(topic))
      this.#asking.set(topic, asking)
    }
    return (await asking).queues
  }

  async #ask(topic: string, before: Known | undefined): Promise<Known> {
    const atMs = this.#clock.monotonicMs()
    for (const [name, { atMs: lastMs }] of this.#known) if (atMs - lastMs > FORGET_MS) this.#known.delete(name)
    for (const address of this.#nameServers()) {
      try {
        const { body } = await this.#client.invoke(
          address,
          nameserverRequests.getRouteinfoByTopic,
          { topic },
          { timeoutMs: TIMEOUT_MS },
        )
        const known = { queues: body === undefined ? undefined : readableQueues(topic, body), atMs }
        this.#known.set(topic, known)
        return known
      } catch (error) {
        if (error instanceof ResponseError && error.status === 'TOPIC_NOT_EXIST') {
          const known = { queues: undefined, atMs }
          this.#known.delete(topic)
          return known
        }
      }
    }
    return before ?? { queues: undefined, atMs }
  }
}

/** MQClientInstance.java#topicRouteData2TopicSubscribeInfo */
function readableQueues(topic: string, route: TopicRouteData): MessageQueue[] {
  return (route.queueDatas ?? [])
    .filter(({ perm }) => (perm & PERM_READ) !== 0)
    .flatMap(({ brokerName, readQueueNums }) =>
      Array.from({ length: readQueueNums }, (_, queueId) => ({ topic, brokerName: brokerName ?? '', queueId })),
    )
}
