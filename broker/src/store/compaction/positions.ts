import type { World } from '@rocketcluster/world'
import { JsonFile } from '../../metadata/json-file.ts'

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Up to which queue offset each queue has been compacted: `compaction/position-checkpoint` (CompactionPositionMgr.java),
 * `{"queueOffsetMap":{"<topic>_<queueId>":<offset>}}`.
 */
export class Positions {
  readonly #file: JsonFile
  #offsets = new Map<string, number>()

  private constructor(world: World, directory: string) {
    this.#file = new JsonFile(world.disk, directory, 'position-checkpoint', () =>
      Buffer.from(JSON.stringify({ queueOffsetMap: Object.fromEntries(this.#offsets) })),
    )
  }

  /** A file that cannot be read costs a compaction from the beginning, nothing else: it is reported and left behind. */
  static async load(world: World, directory: string): Promise<Positions> {
    const positions = new Positions(world, directory)
    try {
      positions.#offsets = (await positions.#file.load(parse, world.log)) ?? positions.#offsets
    } catch (error) {
      world.log.error(
        { error },
        'how far queues have been compacted is not known: they are compacted from their beginning',
      )
    }
    return positions
  }

  /** -1 when nothing of the queue has been compacted. */
  get(topic: string, queueId: number): number {
    return this.#offsets.get(`${topic}_${queueId}`) ?? -1
  }

  /** Counts at once; on disk it is after `save`. */
  set(topic: string, queueId: number, offset: number): void {
    this.#offsets.set(`${topic}_${queueId}`, offset)
  }

  /** Forgets a topic's queues. Returns whether there were any. */
  forget(topic: string): boolean {
    let found = false
    for (const key of this.#offsets.keys())
      if (key.startsWith(`${topic}_`) && /^\d+$/.test(key.slice(topic.length + 1))) {
        this.#offsets.delete(key)
        found = true
      }
    return found
  }

  /** Rejects with DiskError. */
  save(): Promise<void> {
    return this.#file.save()
  }
}

function parse(bytes: Buffer): Map<string, number> {
  const value: unknown = JSON.parse(bytes.toString())
  const table = isTable(value) ? (value.queueOffsetMap ?? {}) : undefined
  if (!isTable(table)) throw new Error('it has no table queueOffsetMap')
  const offsets = new Map<string, number>()
  for (const [key, offset] of Object.entries(table)) {
    if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < -1)
      throw new Error(`queueOffsetMap: ${key} is ${JSON.stringify(offset)}; allowed are integers from -1`)
    offsets.set(key, offset)
  }
  return offsets
}
