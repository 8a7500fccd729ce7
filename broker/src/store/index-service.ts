import type { Log, World } from '@rocketcluster/world'
import { INDEX_HEADER_SIZE, IndexFile, type IndexShape, indexFileSize } from './index-file.ts'
import { extendHash, keyHash, topicHash } from './index-key.ts'
import { makeDurableDirectory } from './make-directory.ts'
import { OpenFiles } from './open-files.ts'
import type { QueryResult } from './types.ts'

export interface IndexServiceOptions extends IndexShape {
  /** `index` in the store's root. Made when missing. */
  readonly directory: string
  readonly log: Log
  readonly maxOpenFiles?: number
  /**
   * After a crash: the checkpoint's indexMsgTimestamp. Files newer than that are checked and dropped when they are not in
   * order. Leave it out after a proper close.
   */
  readonly checkpointTimestamp?: number
}

/** What a flush has made safe. */
export interface Vouched {
  /** Of the newest message handed to the index, with keys or without; 0 when there was none. */
  readonly storeTimestamp: number
  /** Of the newest message in the index, which `lastPhysicalOffset` of the next process cannot fall below; -1 without any. */
  readonly physicalOffset: number
}

/** Unflushed entries from which a flush should not wait for its timer. */
const FLUSH_AT_BYTES = 16 * 1024 * 1024
const FILE_NAME = /^\d{17}$/
/** Topics whose hash is remembered. */
const MOST_TOPICS = 10_000
const SPACE = 32

/**
 * Finds messages by key and time: `index/<yyyyMMddHHmmssSSS>`, a hash index per file (IndexService.java). Derived from the
 * commit log: entries collect in memory and `flush` writes them behind.
 */
export class IndexService {
  /** Called when unflushed entries have passed 16 MiB: time to flush. Once per crossing. */
  onNeedsFlush: () => void = () => {}
  readonly #world: World
  readonly #directory: string
  readonly #shape: IndexShape
  readonly #log: Log
  readonly #openFiles: OpenFiles
  /** In the order of their names, which is that of their times. */
  readonly #files: IndexFile[] = []
  readonly #topicHashes = new Map<string, number>()
  #lastTopic = ''
  #lastTopicHash = topicHash('')
  #seenPhysicalOffset = -1
  #seenTimestamp = 0
  #needsFlush = false
  #entriesUntilFlush = FLUSH_AT_BYTES / 20
  #turn: Promise<unknown> = Promise.resolve()
  #nextFlush: Promise<Vouched> | undefined

  private constructor(world: World, options: IndexServiceOptions) {
    const { maxHashSlotNum, maxIndexNum } = options
    if (!(Number.isInteger(maxHashSlotNum) && maxHashSlotNum >= 1 && maxHashSlotNum <= 0x7fffffff / 4))
      throw new RangeError(`maxHashSlotNum is ${maxHashSlotNum}; allowed are integers from 1 to ${0x7fffffff >> 2}`)
    if (!(Number.isInteger(maxIndexNum) && maxIndexNum >= 2 && maxIndexNum <= 0x7fffffff))
      throw new RangeError(`maxIndexNum is ${maxIndexNum}; allowed are integers from 2 to ${0x7fffffff}`)
    this.#world = world
    this.#directory = options.directory
    this.#shape = { maxHashSlotNum, maxIndexNum }
    this.#log = options.log
    this.#openFiles = new OpenFiles(world.disk, options.maxOpenFiles ?? 16, options.log)
  }

  /** Throws DiskError, and an Error naming the file when one has a length that does not fit the two numbers. */
  static async open(world: World, options: IndexServiceOptions): Promise<IndexService> {
    const service = new IndexService(world, options)
    await service.#load(options.checkpointTimestamp)
    return service
  }

  /** storeTimestamp of the newest message in the index; 0 without any. */
  get lastUpdateTimestamp(): number {
    return this.#files.at(-1)?.endTimestamp ?? 0
  }

  /** physicalOffset of the newest message in the index; 0 without any. */
  get lastUpdatePhysicalOffset(): number {
    return this.#files.at(-1)?.endPhyOffset ?? 0
  }

  /** physicalOffset of the newest message in the index; -1 without any. */
  get lastPhysicalOffset(): number {
    const last = this.#files.at(-1)
    if (last === undefined) return -1
    // An empty file that follows another carries on that one's end (IndexService.java#getAndCreateLastIndexFile).
    return last.isEmpty && last.endPhyOffset === 0 ? -1 : last.endPhyOffset
  }

  get dirtyBytes(): number {
    let bytes = 0
    for (const file of this.#files) bytes += file.dirtyBytes
    return bytes
  }

  /** Unflushed entries have passed 16 MiB: time to flush. */
  get needsFlush(): boolean {
    return this.#needsFlush
  }

  /** Bytes of all files together, as Apache counts them: full lengths. */
  get totalSizeBytes(): number {
    return this.#files.length * indexFileSize(this.#shape)
  }

  /**
   * Indexes a message under `topic#uniqKey` and `topic#word` for each word of `keys`, in memory. Messages come in the
   * order of the log; one at or before the newest that was indexed is ignored, as recovery hands over some again.
   */
  put(
    topic: string,
    uniqKey: string | undefined,
    keys: string | undefined,
    physicalOffset: number,
    storeTimestamp: number,
  ): void {
    if (physicalOffset <= this.#seenPhysicalOffset) return
    this.#seenPhysicalOffset = physicalOffset
    this.#seenTimestamp = storeTimestamp
    const hash = this.#topicHash(topic)
    if (uniqKey !== undefined) this.#add(extendHash(hash, uniqKey, 0, uniqKey.length), physicalOffset, storeTimestamp)
    if (keys === undefined) return
    for (let from = 0; from < keys.length; ) {
      let to = from
      let h = hash
      for (let unit = 0; to < keys.length && (unit = keys.charCodeAt(to)) !== SPACE; to++)
        h = (Math.imul(h, 31) + unit) | 0
      if (to > from) this.#add(h, physicalOffset, storeTimestamp)
      from = to + 1
    }
  }

  /**
   * Physical offsets of messages whose key has the same hash, newest first, with a storeTimestamp (in whole seconds of the
   * index) from `beginMs` to `endMs`. Others with the same hash can be among them. Rejects with DiskError.
   */
  async query(topic: string, key: string, maxCount: number, beginMs: number, endMs: number): Promise<QueryResult> {
    const physicalOffsets: number[] = []
    const result: QueryResult = {
      physicalOffsets,
      indexLastUpdateTimestamp: this.lastUpdateTimestamp,
      indexLastUpdatePhysicalOffset: this.lastUpdatePhysicalOffset,
    }
    const hash = keyHash(extendHash(topicHash(topic), key, 0, key.length))
    // A copy: retention takes files away meanwhile.
    for (const file of [...this.#files].reverse()) {
      if (physicalOffsets.length >= maxCount) break
      if (file.overlaps(beginMs, endMs)) {
        try {
          if (!(await file.select(this.#openFiles, hash, maxCount, beginMs, endMs, physicalOffsets)))
            this.#log.warn(
              { topic, key, path: file.path },
              'too many entries share a slot: the query skipped the older ones',
            )
        } catch (error) {
          if (this.#files.includes(file)) throw error
        }
      }
      if (file.beginTimestamp < beginMs) break
    }
    return result
  }

  /**
   * Brings every entry put before the call to stable storage and says what the index vouches for now. Rejects with
   * DiskError; what was not written stays in memory for the next flush.
   */
  flush(): Promise<Vouched> {
    this.#nextFlush ??= this.#inTurn(() => {
      this.#nextFlush = undefined
      return this.#flush()
    })
    return this.#nextFlush
  }

  /** Drops entries of messages at or beyond `maxPhysicalOffset`, the end of the log after its recovery. */
  truncate(maxPhysicalOffset: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#seenPhysicalOffset < maxPhysicalOffset) return
      await this.#flush()
      await this.#cut(maxPhysicalOffset)
      const last = this.#files.at(-1)
      if (last !== undefined && !last.isFull) await last.loadSlots(this.#openFiles)
      this.#seenPhysicalOffset = this.lastPhysicalOffset
      this.#seenTimestamp = last?.endTimestamp ?? 0
    })
  }

  /** Deletes files whose messages all lie below the log's start, never the last file (IndexService.java#deleteExpiredFile). */
  deleteBefore(minPhysicalOffset: number): Promise<void> {
    return this.#inTurn(async () => {
      while (this.#files.length > 1 && this.#files[0]!.endPhyOffset < minPhysicalOffset) {
        await this.#remove(this.#files[0]!)
        this.#files.shift()
      }
    })
  }

  /** Flushes and closes the files. Rejects when the flush fails; the files are closed all the same. */
  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.#inTurn(() => this.#openFiles.close())
    }
  }

  #topicHash(topic: string): number {
    if (topic === this.#lastTopic) return this.#lastTopicHash
    let hash = this.#topicHashes.get(topic)
    if (hash === undefined) {
      hash = topicHash(topic)
      if (this.#topicHashes.size >= MOST_TOPICS) this.#topicHashes.clear()
      this.#topicHashes.set(topic, hash)
    }
    this.#lastTopic = topic
    this.#lastTopicHash = hash
    return hash
  }

  #add(hash: number, physicalOffset: number, storeTimestamp: number): void {
    let file = this.#files.at(-1)
    if (file === undefined || file.isFull) {
      file = IndexFile.create(`${this.#directory}/${this.#nextName()}`, this.#shape, file)
      this.#files.push(file)
    }
    file.put(keyHash(hash), physicalOffset, storeTimestamp)
    if (--this.#entriesUntilFlush <= 0 && !this.#needsFlush) {
      this.#needsFlush = true
      this.onNeedsFlush()
    }
  }

  /** UtilAll.java#timeMillisToHumanString of now; later than the last file's, since names are the order of the files. */
  #nextName(): string {
    const { clock } = this.#world
    const { year, month, day, hour, minute, second, millisecond } = clock.localTime(clock.now())
    const two = (value: number) => String(value).padStart(2, '0')
    const name =
      String(year).padStart(4, '0') +
      two(month) +
      two(day) +
      two(hour) +
      two(minute) +
      two(second) +
      String(millisecond).padStart(3, '0')
    const last = this.#files.at(-1)?.path.slice(-17)
    // Two in one millisecond, or the clock was set back (each autumn it is).
    if (last !== undefined && name <= last) return String(BigInt(last) + 1n).padStart(17, '0')
    return name
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(run)
    this.#turn = done.catch(() => {})
    return done
  }

  async #flush(): Promise<Vouched> {
    const vouched: Vouched = { storeTimestamp: this.#seenTimestamp, physicalOffset: this.lastPhysicalOffset }
    this.#needsFlush = false
    this.#entriesUntilFlush = FLUSH_AT_BYTES / 20
    for (const file of [...this.#files]) await file.flush(this.#world.disk, this.#openFiles)
    return vouched
  }

  /** Drops entries from a physical offset on; all is flushed. */
  async #cut(physicalOffset: number): Promise<void> {
    for (let last = this.#files.at(-1); last !== undefined; last = this.#files.at(-1)) {
      if (!last.isEmpty && last.endPhyOffset < physicalOffset) return
      if (!last.isEmpty && last.beginPhyOffset < physicalOffset) {
        await last.truncate(this.#openFiles, physicalOffset)
        if (!last.isEmpty) return
      }
      await this.#remove(last)
      this.#files.pop()
    }
  }

  async #remove(file: IndexFile): Promise<void> {
    await this.#openFiles.forget(file.path)
    if (!file.exists) return
    await this.#world.disk.remove(file.path)
    await this.#world.disk.syncDirectory(this.#directory)
  }

  async #load(checkpointTimestamp: number | undefined): Promise<void> {
    const { disk } = this.#world
    await makeDurableDirectory(disk, this.#directory)
    const sizeBytes = indexFileSize(this.#shape)
    for (const { name, kind } of await disk.list(this.#directory)) {
      if (kind !== 'file' || !FILE_NAME.test(name)) continue
      const path = `${this.#directory}/${name}`
      const found = (await disk.stat(path))?.sizeBytes ?? 0
      if (found < INDEX_HEADER_SIZE) {
        // A crash while it was made.
        await disk.remove(path)
        continue
      }
      if (found !== sizeBytes)
        throw new Error(
          `${path} has ${found} bytes; maxHashSlotNum ${this.#shape.maxHashSlotNum} and maxIndexNum ${this.#shape.maxIndexNum} make ${sizeBytes}: set them to what the store was made with, or remove the file (queries by key then miss its messages)`,
        )
      const file = await IndexFile.load(disk, path, this.#shape)
      if (checkpointTimestamp !== undefined && !(await this.#survived(file, checkpointTimestamp))) {
        this.#log.warn({ path }, 'the index file was not complete when the broker died: it is dropped')
        await this.#remove(file)
        continue
      }
      this.#files.push(file)
    }
    const newest = this.#files.at(-1)
    // A message whose keys went into two files, of which the crash has left the first only: it is put again as a whole.
    if (checkpointTimestamp !== undefined && newest?.isFull && newest.endTimestamp >= checkpointTimestamp)
      await this.#cut(newest.endPhyOffset)
    const last = this.#files.at(-1)
    if (last === undefined) return
    for (const file of this.#files) if (file !== last || file.isFull) file.release()
    if (!last.isFull) await last.loadSlots(this.#openFiles)
    this.#seenPhysicalOffset = this.lastPhysicalOffset
    this.#seenTimestamp = last.endTimestamp
  }

  /** Apache drops every file newer than the checkpoint; ours are written in an order that lets most of them be kept. */
  async #survived(file: IndexFile, checkpointTimestamp: number): Promise<boolean> {
    if (file.isEmpty) return false
    if (file.endTimestamp <= checkpointTimestamp) return true
    return file.isConsistent(this.#openFiles, checkpointTimestamp)
  }
}
