import { messageRequestModeSerializeWrapper, type SetMessageRequestModeRequestBody } from '@rocketcluster/protocol'
import type { Log, World } from '@rocketcluster/world'
import { DurableTable } from '../../metadata/durable-table.ts'

const keyOf = (topic: string, group: string) => `${topic}@${group}`

/** Which groups pull and which pop a topic: `config/messageRequestMode.json` (MessageRequestModeManager.java). */
export class MessageRequestModes {
  readonly #table: DurableTable<SetMessageRequestModeRequestBody>

  private constructor(world: World, directory: string) {
    this.#table = new DurableTable(world, {
      directory,
      name: 'messageRequestMode.json',
      print: table => messageRequestModeSerializeWrapper.encode({ messageRequestModeMap: byTopic(table.values()) }),
    })
  }

  /** `directory` is `<storePathRootDir>/config`. Throws when what is stored there cannot be read. */
  static async load(world: World, directory: string, log: Log): Promise<MessageRequestModes> {
    const modes = new MessageRequestModes(world, directory)
    const stored = await modes.#table.load(bytes => messageRequestModeSerializeWrapper.decode(bytes), log)
    for (const [topic, groups] of stored?.messageRequestModeMap ?? [])
      modes.#table.fill([...groups].map(([group, mode]) => [keyOf(topic, group), mode]))
    return modes
  }

  get(topic: string, group: string): SetMessageRequestModeRequestBody | undefined {
    return this.#table.get(keyOf(topic, group))
  }

  /** Resolves when it is on disk. Throws DiskError: nothing changed then. */
  set(mode: SetMessageRequestModeRequestBody): Promise<void> {
    return this.#table.set(keyOf(mode.topic, mode.consumerGroup), mode)
  }

  /** Takes over what a master has. Throws DiskError: nothing changed then. */
  async adopt(modes: ReadonlyMap<string, ReadonlyMap<string, SetMessageRequestModeRequestBody>>): Promise<void> {
    const entries = new Map(
      [...modes].flatMap(([topic, groups]) => [...groups].map(([g, mode]) => [keyOf(topic, g), mode])),
    )
    await this.#table.adopt(entries, this.#table.dataVersion)
  }

  /** As it travels and is stored. */
  snapshot(): Map<string, Map<string, SetMessageRequestModeRequestBody>> {
    return byTopic(this.#table.values())
  }
}

function byTopic(modes: Iterable<SetMessageRequestModeRequestBody>) {
  const topics = new Map<string, Map<string, SetMessageRequestModeRequestBody>>()
  for (const mode of modes) {
    const groups = topics.get(mode.topic) ?? new Map<string, SetMessageRequestModeRequestBody>()
    groups.set(mode.consumerGroup, mode)
    topics.set(mode.topic, groups)
  }
  return topics
}
