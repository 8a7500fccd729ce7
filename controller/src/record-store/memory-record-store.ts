import { type GroupRecord, parseRecord, printRecord } from '../state/record.ts'
import type { RecordStore, StoredRecord, Swapped } from './record-store.ts'

/** Keeps records as text in this process: for tests, simulations and a controller that has nothing to remember. */
export class MemoryRecordStore implements RecordStore {
  readonly #stored = new Map<string, { readonly text: string; readonly version: number }>()
  #versions = 0

  async read(brokerName: string): Promise<StoredRecord | undefined> {
    const stored = this.#stored.get(brokerName)
    return stored && { record: parseRecord(stored.text), version: String(stored.version) }
  }

  async swap(brokerName: string, expected: string | undefined, next: GroupRecord | undefined): Promise<Swapped> {
    const stored = this.#stored.get(brokerName)
    if ((stored && String(stored.version)) !== expected) return 'conflict'
    if (!next) {
      this.#stored.delete(brokerName)
      return { version: undefined }
    }
    // One count for all names: a record that is removed and made again never has a version it had before.
    const version = ++this.#versions
    this.#stored.set(brokerName, { text: printRecord(next), version })
    return { version: String(version) }
  }

  async list(): Promise<string[]> {
    return [...this.#stored.keys()].sort()
  }
}
