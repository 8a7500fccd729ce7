import { topicRouteData } from '@rocketcluster/protocol'
import type { Configuration } from './configuration.ts'
import { type KvConfig, NAMESPACE_ORDER_TOPIC_CONFIG } from './kv-config.ts'
import type { RouteRegistry } from './registry/registry.ts'
import { inZone } from './zone.ts'

/** How a body's JSON is written: as fastjson does (`{0:"a"}`), or so that every parser reads it (`{"0":"a"}`). */
export type JsonDialect = 'fastjson' | 'standard'

/** What kept answers may hold together. A route to 100 groups takes 20 KiB, and the next change drops all of them. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024

/**
 * TopicRouteData in bytes. Every client asks for each of its topics every 30 s while routes hardly ever change, so
 * answers are kept until something changes that they could show.
 */
export class RouteAnswers {
  readonly #routes: RouteRegistry
  readonly #kvConfig: KvConfig
  readonly #configuration: Configuration
  readonly #kept = { fastjson: new Map<string, Uint8Array>(), standard: new Map<string, Uint8Array>() }
  #keptBytes = 0
  #keptFor = ''

  constructor(routes: RouteRegistry, kvConfig: KvConfig, configuration: Configuration) {
    this.#routes = routes
    this.#kvConfig = kvConfig
    this.#configuration = configuration
  }

  /** The route of a topic, of one zone or of all; undefined when there is none. */
  encode(topic: string, dialect: JsonDialect, zoneName?: string): Uint8Array | undefined {
    this.#dropOutdated()
    const kept = zoneName === undefined ? this.#kept[dialect].get(topic) : undefined
    if (kept) return kept
    const found = this.#routes.routeOf(topic)
    if (!found) return undefined
    const route = {
      ...(zoneName === undefined ? found : inZone(found, zoneName)),
      orderTopicConf: this.#orderTopicConf(topic),
    }
    const bytes = dialect === 'standard' ? topicRouteData.encodeStandard(route) : topicRouteData.encode(route)
    if (zoneName === undefined) this.#keep(topic, dialect, bytes)
    return bytes
  }

  #keep(topic: string, dialect: JsonDialect, bytes: Uint8Array): void {
    if (this.#keptBytes + bytes.length > MAX_KEPT_BYTES) this.#drop()
    this.#keptBytes += bytes.length
    this.#kept[dialect].set(topic, bytes)
  }

  #orderTopicConf(topic: string): string | undefined {
    if (!this.#configuration.current.orderMessageEnable) return undefined
    return this.#kvConfig.get(NAMESPACE_ORDER_TOPIC_CONFIG, topic)
  }

  #dropOutdated(): void {
    const { orderMessageEnable, supportActingMaster } = this.#configuration.current
    const now = `${this.#routes.revision} ${this.#kvConfig.revision} ${orderMessageEnable} ${supportActingMaster}`
    if (now === this.#keptFor) return
    this.#drop()
    this.#keptFor = now
  }

  #drop(): void {
    this.#kept.fastjson.clear()
    this.#kept.standard.clear()
    this.#keptBytes = 0
  }
}
