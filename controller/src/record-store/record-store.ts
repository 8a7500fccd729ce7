import type { GroupRecord } from '../state/record.ts'

/** A record and the version under which it is stored. Versions are equal or not, and nothing else. */
export interface StoredRecord {
  readonly record: GroupRecord
  readonly version: string
}

/**
 * Where the records of groups are kept: one for each broker name, changed only by compare-and-swap. All controllers of a
 * cluster share one. A read must see every swap that was answered before it began: no caches.
 */
export interface RecordStore {
  /** Undefined when there is none. Throws RecordStoreError, and RecordError when what is there is not a record. */
  read(brokerName: string): Promise<StoredRecord | undefined>
  /**
   * Puts `next` (undefined removes it) in the place of the version `expected` (undefined: of nothing). Resolves to the new
   * version, or to `conflict` when something else stands there. Throws RecordStoreError: with `unknown` it may have
   * happened, or may still happen later, as long as nothing else is swapped in.
   */
  swap(brokerName: string, expected: string | undefined, next: GroupRecord | undefined): Promise<Swapped>
  /** The broker names that have a record. Throws RecordStoreError. */
  list(): Promise<string[]>
}

export type Swapped = { readonly version: string | undefined } | 'conflict'

/** The record store did not do what it was asked. */
export class RecordStoreError extends Error {
  override readonly name = 'RecordStoreError'
  /** Whether a swap may have happened in spite of it. */
  readonly outcome: 'none' | 'unknown'

  constructor(outcome: 'none' | 'unknown', message: string, options?: ErrorOptions) {
    super(message, options)
    this.outcome = outcome
  }
}
