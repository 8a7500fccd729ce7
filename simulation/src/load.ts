import { Admin, ClientInstance, Producer, PullConsumer, type SendResult } from '@rocketcluster/client'
import { ResponseError } from '@rocketcluster/protocol'
import type { SimHost, SimRandom, Simulation } from '@rocketcluster/world/sim'
import { type Cluster, NAME_SERVER_LIST } from './cluster.ts'
import type { Acked, History } from './history.ts'
import { bodyOf, idOf } from './message-body.ts'
import type { Plan } from './plan.ts'

/** Made before trouble starts. */
export const FIRST_TOPIC = 'Orders'
/** Come into being by being sent to, in the middle of it. */
const LATER_TOPICS = ['Auto-1', 'Auto-2', 'Auto-3'] as const
const TOPICS = [FIRST_TOPIC, ...LATER_TOPICS]
const GROUP = 'Readers'
export const PRODUCER_HOST = 'producers'

const outcomeOf = (error: unknown): string =>
  error instanceof ResponseError ? error.status : ((error as { code?: string }).code ?? (error as Error).name)

/** The clients: they send, consume and administer until they are told to stop, whatever happens to the servers. */
export class Load {
  readonly #sim: Simulation
  readonly #plan: Plan
  readonly #history: History
  readonly #cluster: Cluster
  readonly #random: SimRandom
  readonly #host: SimHost
  readonly #consumers: { host: SimHost; consumer: PullConsumer | undefined; life: number; held: boolean }[] = []
  #producing: Promise<unknown> = Promise.resolve()
  #client: ClientInstance | undefined
  #stopped = false

  constructor(sim: Simulation, plan: Plan, history: History, cluster: Cluster) {
    this.#sim = sim
    this.#plan = plan
    this.#history = history
    this.#cluster = cluster
    this.#random = sim.random.fork('load')
    this.#host = sim.host(PRODUCER_HOST)
    for (let i = 1; i <= plan.consumers; i++)
      this.#consumers.push({ host: sim.host(`consumer-${i}`), consumer: undefined, life: 0, held: false })
  }

  get hosts(): string[] {
    return [PRODUCER_HOST, ...this.#consumers.map(({ host }) => host.name)]
  }

  async start(): Promise<void> {
    const { world } = this.#host
    const client = new ClientInstance(world, { nameServers: NAME_SERVER_LIST, routeRefreshMs: 5000 })
    this.#client = client
    const admin = new Admin(world, { client })
    for (const broker of this.#cluster.brokers)
      await admin.createTopic(FIRST_TOPIC, {
        brokerAddress: this.#cluster.address(broker),
        readQueueNums: 2,
        writeQueueNums: 2,
      })
    for (const { name } of this.#cluster.brokers) this.#history.created.push({ brokerName: name, topic: FIRST_TOPIC })
    for (let i = 0; i < this.#consumers.length; i++) void this.#startConsumer(i)
    const loops = Array.from({ length: this.#plan.producers }, (_, i) => this.#produce(client, `p${i}`))
    this.#producing = Promise.all([...loops, this.#administer(admin)])
  }

  /** No more sends; resolves when the last one has its answer. */
  async stopProducing(): Promise<void> {
    this.#stopped = true
    await this.#producing
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#consumers.map(each => {
        each.held = true
        return each.consumer?.stop()
      }),
    )
    await this.#client?.close()
  }

  // ---- producing

  async #produce(client: ClientInstance, name: string): Promise<void> {
    const random = this.#random.fork(name)
    const producer = new Producer(this.#host.world, {
      client,
      producerGroup: `Senders-${name}`,
      sendMsgTimeout: 2000,
      sendLatencyFaultEnable: random.chance(0.5),
    })
    await producer.start()
    let sent = 0
    const message = () => {
      const id = `${name}-${sent++}`
      this.#history.sent.add(id)
      const topic = random.chance(0.6) ? FIRST_TOPIC : random.pick(LATER_TOPICS)
      return { id, topic, body: bodyOf(id, random.int(this.#plan.maxBodyBytes)), keys: id }
    }
    while (!this.#stopped) {
      const kind = random.next()
      try {
        if (kind < 0.1) await producer.sendOneWay(message())
        else if (kind < 0.2) {
          const first = message()
          const batch = [first, ...Array.from({ length: random.int(4) }, () => ({ ...message(), topic: first.topic }))]
          const result = await producer.sendBatch(batch)
          for (const [i, { id }] of batch.entries()) this.#acknowledged(name, id, result, i)
        } else {
          const one = message()
          this.#acknowledged(name, one.id, await producer.send(one), 0)
        }
      } catch (error) {
        this.#history.count(`send: ${outcomeOf((error as Error).cause ?? error)}`)
      }
      await this.#sim.sleep(random.next() * 2 * this.#plan.sendEveryMs)
    }
    await producer.stop()
  }

  #acknowledged(producer: string, id: string, result: SendResult, index: number): void {
    // FLUSH_DISK_TIMEOUT promises nothing.
    this.#history.count(`send: ${result.sendStatus}`)
    if (result.sendStatus !== 'SEND_OK') return
    const { brokerName, topic, queueId } = result.messageQueue
    const queueOffset = result.queueOffset + index
    this.#history.acked.push({ id, producer, brokerName, topic, queueId, queueOffset, atMs: this.#sim.nowMs })
  }

  /** Makes topics now and then; what was acknowledged must be there in the end. */
  async #administer(admin: Admin): Promise<void> {
    const random = this.#random.fork('admin')
    for (let i = 0; !this.#stopped; i++) {
      const broker = random.pick(this.#cluster.brokers)
      const topic = `Made-${i}`
      try {
        await admin.createTopic(topic, { brokerAddress: this.#cluster.address(broker) })
        this.#history.created.push({ brokerName: broker.name, topic })
        this.#history.count('topic: created')
      } catch (error) {
        this.#history.count(`topic: ${outcomeOf(error)}`)
      }
      await this.#sim.sleep(random.int(3000))
    }
  }

  // ---- consuming

  async #startConsumer(index: number): Promise<void> {
    const member = this.#consumers[index]!
    const life = ++member.life
    const world = life === 1 ? member.host.world : member.host.restart()
    const consumer = new PullConsumer(world, {
      nameServers: NAME_SERVER_LIST,
      consumerGroup: GROUP,
      subscriptions: Object.fromEntries(TOPICS.map(topic => [topic, '*'])),
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      rebalanceIntervalMs: 2000,
      routeRefreshMs: 3000,
      heartbeatMs: 5000,
      autoCommitIntervalMs: 700,
    })
    member.consumer = consumer
    await consumer.start()
    if (member.life !== life) return
    const name = `${member.host.name}.${life}`
    for await (const message of consumer) {
      if (member.life !== life) return
      const { brokerName, topic, queueId } = message.messageQueue
      const { queueOffset } = message
      const atMs = this.#sim.nowMs
      this.#history.delivered.push({
        id: idOf(message.body),
        consumer: name,
        brokerName,
        topic,
        queueId,
        queueOffset,
        atMs,
      })
    }
  }

  /** kill -9 of one consumer, which comes back after `downMs`. */
  async killConsumer(random: SimRandom, downMs: number): Promise<string> {
    const index = random.int(this.#consumers.length)
    const member = this.#consumers[index]!
    member.host.crash()
    member.life++
    member.consumer = undefined
    void this.#sim.sleep(downMs).then(() => {
      if (!member.held && !member.consumer) void this.#startConsumer(index)
    })
    return member.host.name
  }

  /** Acknowledged messages that have not come to the group yet. */
  missing(): readonly Acked[] {
    const came = new Set(this.#history.delivered.map(({ id }) => id))
    return this.#history.acked.filter(({ id }) => !came.has(id))
  }
}
