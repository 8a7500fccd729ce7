import { type CheckedRecord, javaHashUtf8, PropertyFinder } from '@rocketcluster/protocol/internal'

const TAGS = 0
const KEYS = 1
const UNIQ_KEY = 2
const DELAY = 3
const SCHEDULE_TOPIC = 'SCHEDULE_TOPIC_XXXX'

/**
 * What a consume queue and the index take of a record's properties. The same for the first dispatch, one after a crash, and
 * a replica's. The values are those of the record scanned last.
 */
export class RecordTraits {
  readonly #properties = new PropertyFinder('TAGS', 'KEYS', 'UNIQ_KEY', 'DELAY')
  readonly #delayLevels: () => readonly number[]
  #buffer: Buffer = Buffer.alloc(0)

  /** `delayLevels`: milliseconds of level 1, 2, …. */
  constructor(delayLevels: () => readonly number[]) {
    this.#delayLevels = delayLevels
  }

  scan(buffer: Buffer, { propertiesAt, propertiesLength }: CheckedRecord): void {
    this.#buffer = buffer
    this.#properties.scan(buffer, propertiesAt, propertiesAt + propertiesLength)
  }

  get uniqKey(): string | undefined {
    return this.#properties.text(this.#buffer, UNIQ_KEY)
  }

  get keys(): string | undefined {
    return this.#properties.text(this.#buffer, KEYS)
  }

  /** For SCHEDULE_TOPIC_XXXX the time of delivery (CommitLog.java#checkMessageAndReturnSize). */
  tagsCode(topic: string, record: CheckedRecord): number {
    const properties = this.#properties
    if (topic === SCHEDULE_TOPIC && properties.has(DELAY)) {
      const delayLevels = this.#delayLevels()
      const level = Math.min(Number.parseInt(properties.text(this.#buffer, DELAY)!, 10), delayLevels.length)
      if (level > 0) return record.storeTimestamp + delayLevels[level - 1]!
    }
    return properties.has(TAGS) ? javaHashUtf8(this.#buffer, properties.starts[TAGS]!, properties.ends[TAGS]!) : 0
  }
}
