import { DiskError, type DiskFile, type Log, type World } from '@rocketcluster/world'
import { CHUNK_UNITS, ConsumeQueue, type Units } from './consume-queue.ts'
import { cutFile, recoverQueue, type Trust } from './consume-queue-recovery.ts'
import { blankUnits, CQ_UNIT_SIZE, unitEnd, unitOffset, unitRank } from './cq-unit.ts'
import { eachLimited } from './each-limited.ts'
import type { CompactedQueue } from './get-message.ts'
import { offsetToFileName } from './log-files.ts'
import { makeDurableDirectory } from './make-directory.ts'
import { OpenFiles } from './open-files.ts'
import { UnitWindows, WINDOW_UNITS } from './unit-windows.ts'

export type { Units } from './consume-queue.ts'

export interface ConsumeQueuesOptions extends Trust {
  /** `consumequeue` in the store's root. Made when missing. */
  readonly directory: string
  /** mappedFileSizeConsumeQueue: a multiple of 20. */
  readonly fileSizeBytes: number
  readonly maxOpenFiles: number
  readonly log: Log
}

/** Unflushed bytes from which a flush should not wait for its timer. */
const FLUSH_AT_BYTES = 16 * 1024 * 1024
/** Memory for entries that are on the disk already, for readers that keep up. */
const CLEAN_BYTES = 16 * 1024 * 1024
const CLEAN_CHUNKS_PER_QUEUE = 4
/** Few at a time: the commit log shares the thread pool. */
const FLUSH_CONCURRENCY = 2
const OPEN_CONCURRENCY = 32

const NO_UNITS: Units = { count: 0, buffer: Buffer.alloc(0), start: 0 }
const FILE_NAME = /^\d{20}$/
const QUEUE_ID = /^(0|[1-9]\d{0,9})$/

interface Removal {
  readonly topic: string
  done: Promise<void> | undefined
}

let blankChunk: Buffer | undefined

/**
 * All consume queues of a store: `consumequeue/<topic>/<queueId>/<20-digit byte offset>`, files of `fileSizeBytes` with
 * 20-byte entries (ConsumeQueue.java), at full length from the start, sparse. They are derived from the commit log:
 * entries collect in memory and `flush` writes them behind, one write per queue and file.
 */
export class ConsumeQueues {
  /** Called when unflushed entries have passed 16 MiB: time to flush. Once per crossing. */
  onNeedsFlush: () => void = () => {}
  readonly #world: World
  readonly #directory: string
  readonly #unitsPerFile: number
  readonly #log: Log
  readonly #files: OpenFiles
  readonly #windows = new UnitWindows()
  readonly #topics = new Map<string, Map<number, ConsumeQueue>>()
  /** Queues with something in memory: what the next flush looks at. */
  #listed: ConsumeQueue[] = []
  /** Directories whose new entries are not synced yet. */
  readonly #directories = new Set<string>()
  /** Topics that were deleted, while their files are still there. */
  readonly #removals = new Set<Removal>()
  #maxPhysicalOffset = -1
  #dirtyBytes = 0
  #needsFlush = false
  #turn: Promise<void> = Promise.resolve()
  #nextFlush: Promise<void> | undefined
  #lastTopic = ''
  #lastQueues: Map<number, ConsumeQueue> | undefined

  private constructor(world: World, options: ConsumeQueuesOptions) {
    const { fileSizeBytes } = options
    if (!(Number.isInteger(fileSizeBytes) && fileSizeBytes >= CQ_UNIT_SIZE && fileSizeBytes % CQ_UNIT_SIZE === 0))
      throw new RangeError(`mappedFileSizeConsumeQueue is ${fileSizeBytes}; allowed are multiples of ${CQ_UNIT_SIZE}`)
    this.#world = world
    this.#directory = options.directory
    this.#unitsPerFile = fileSizeBytes / CQ_UNIT_SIZE
    this.#log = options.log
    this.#files = new OpenFiles(world.disk, options.maxOpenFiles, options.log)
  }

  /**
   * Finds all queues and where each ends; what a crash left behind an end is removed. Throws DiskError, and an Error
   * that names the file when one has a length or name that does not fit `fileSizeBytes`; then nothing has been changed.
   */
  static async open(world: World, options: ConsumeQueuesOptions): Promise<ConsumeQueues> {
    const queues = new ConsumeQueues(world, options)
    await queues.#load(options)
    return queues
  }

  /** The queue offset that the next message gets; 0 for an unknown queue. */
  nextOffset(topic: string, queueId: number): number {
    return this.#find(topic, queueId)?.nextOffset ?? 0
  }

  /** Hands out `count` consecutive queue offsets; returns the first. */
  assign(topic: string, queueId: number, count = 1): number {
    const queue = this.#find(topic, queueId) ?? this.#make(topic, queueId)
    const first = queue.nextOffset
    queue.nextOffset = first + count
    return first
  }

  /**
   * The offset is a message's that is in the log and not yet to be put: the next message comes behind it. A topic that can
   * have no queue is met when the message is put.
   */
  reserve(topic: string, queueId: number, queueOffset: number): void {
    let queue = this.#find(topic, queueId)
    try {
      queue ??= this.#make(topic, queueId)
    } catch (error) {
      if (error instanceof RangeError) return
      throw error
    }
    if (queue.nextOffset <= queueOffset) queue.nextOffset = queueOffset + 1
  }

  /** Takes back offsets that were assigned to messages which the log then refused. Offsets that were put stay. */
  resetNextOffset(topic: string, queueId: number, queueOffset: number): void {
    const queue = this.#find(topic, queueId)
    if (queue !== undefined) queue.nextOffset = Math.max(queue.maxOffset, Math.min(queue.nextOffset, queueOffset))
  }

  /**
   * Adds an entry to memory. One that the queue has already is ignored. Throws RangeError when entries before it are
   * missing; a queue without any message may start at any offset.
   */
  put(
    topic: string,
    queueId: number,
    queueOffset: number,
    physicalOffset: number,
    sizeBytes: number,
    tagsCode: number,
  ): void {
    const queue = this.#find(topic, queueId) ?? this.#make(topic, queueId)
    if (!queue.put(queueOffset, physicalOffset, sizeBytes, tagsCode, this.#unitsPerFile)) {
      if (physicalOffset + sizeBytes > queue.maxPhysicalOffset) this.#reportTaken(queue, queueOffset, physicalOffset)
      return
    }
    if (queue.maxPhysicalOffset > this.#maxPhysicalOffset) this.#maxPhysicalOffset = queue.maxPhysicalOffset
    if (!queue.listed) {
      queue.listed = true
      this.#listed.push(queue)
    }
    this.#dirtyBytes += CQ_UNIT_SIZE
    if (this.#dirtyBytes > FLUSH_AT_BYTES && !this.#needsFlush) {
      this.#needsFlush = true
      this.onNeedsFlush()
    }
  }

  has(topic: string, queueId: number): boolean {
    return this.#find(topic, queueId) !== undefined
  }

  /** The first entry whose message is still in the log (as of the last correctMin); 0 for an unknown queue. */
  minOffset(topic: string, queueId: number): number {
    return this.#find(topic, queueId)?.minOffset ?? 0
  }

  /** One behind the newest entry put; 0 for an unknown queue. */
  maxOffset(topic: string, queueId: number): number {
    return this.#find(topic, queueId)?.maxOffset ?? 0
  }

  /** What there is of the queue beside the log; undefined for any that is not of a compaction topic. */
  compacted(topic: string, queueId: number): CompactedQueue | undefined {
    return this.#find(topic, queueId)?.compacted
  }

  /** Lets the next message of a queue that has none get `offset`. Throws RangeError when it has one. */
  startEmptyAt(topic: string, queueId: number, offset: number): void {
    const queue = this.#find(topic, queueId) ?? this.#make(topic, queueId)
    queue.startEmptyAt(offset, this.#unitsPerFile)
  }

  /** The queue is made when there is none. */
  attachCompacted(topic: string, queueId: number, compacted: CompactedQueue): void {
    const queue = this.#find(topic, queueId) ?? this.#make(topic, queueId)
    queue.compacted = compacted
  }

  /**
   * Up to `count` entries from `fromOffset`, fewer where memory or a file ends; none outside of [minOffset, maxOffset).
   * At once when they are in memory. The buffer may be the queue's own: read only. Rejects with DiskError.
   */
  read(topic: string, queueId: number, fromOffset: number, count: number): Units | Promise<Units> {
    const queue = this.#find(topic, queueId)
    if (queue === undefined || fromOffset < queue.minOffset || fromOffset >= queue.maxOffset || count <= 0)
      return NO_UNITS
    return fromOffset >= queue.memoryStart ? queue.view(fromOffset, count) : this.#readWindow(queue, fromOffset, count)
  }

  /** Where the newest message ends that any queue has an entry of; -1 without any. */
  get maxPhysicalOffset(): number {
    return this.#maxPhysicalOffset
  }

  /** All queues' maxOffsets together: what a checkpoint remembers, to notice entries that are missing later. */
  get entryCount(): number {
    let count = 0
    for (const queues of this.#topics.values()) for (const queue of queues.values()) count += queue.maxOffset
    return count
  }

  /** Bytes of entries that only memory has. */
  get dirtyBytes(): number {
    return this.#dirtyBytes
  }

  /** Dirty bytes have passed 16 MiB: time to flush. */
  get needsFlush(): boolean {
    return this.#needsFlush
  }

  *topics(): Iterable<{ topic: string; queueIds: number[] }> {
    for (const [topic, queues] of this.#topics) yield { topic, queueIds: [...queues.keys()].sort((a, b) => a - b) }
  }

  /**
   * Writes and syncs every entry that was put before the call. Rejects with DiskError when some queue failed; the others
   * are written all the same, and what was not stays in memory for the next flush.
   */
  flush(): Promise<void> {
    // A flush that waits for its turn takes along whatever is put until then.
    this.#nextFlush ??= this.#inTurn(() => {
      this.#nextFlush = undefined
      return this.#flush()
    })
    return this.#nextFlush
  }

  /**
   * Drops the entries of messages that reach beyond `maxPhysicalOffset`, the end of the log after its recovery. A queue
   * that had come to a file starting above 0 keeps its place even when nothing is left.
   */
  truncate(maxPhysicalOffset: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#maxPhysicalOffset <= maxPhysicalOffset) return
      await this.#flush()
      const beyond = [...this.#all()].filter(queue => queue.maxPhysicalOffset > maxPhysicalOffset)
      try {
        await eachLimited(beyond, OPEN_CONCURRENCY, queue => this.#truncate(queue, maxPhysicalOffset))
      } finally {
        this.#maxPhysicalOffset = -1
        for (const queue of this.#all())
          this.#maxPhysicalOffset = Math.max(this.#maxPhysicalOffset, queue.maxPhysicalOffset)
      }
    })
  }

  /**
   * Moves each queue's minOffset to its first message at or above `minPhysicalOffset`, and deletes files that end before
   * it, never a queue's last one (ConsumeQueue.java#correctMinOffset, MappedFileQueue.java#deleteExpiredFileByOffset).
   */
  correctMin(minPhysicalOffset: number): Promise<void> {
    return this.#inTurn(() =>
      eachLimited([...this.#all()], FLUSH_CONCURRENCY, queue => this.#correctMin(queue, minPhysicalOffset)),
    )
  }

  /** Forgets the topic's queues at once, then removes their files. */
  deleteTopic(topic: string): Promise<void> {
    const queues = this.#topics.get(topic)
    this.#topics.delete(topic)
    this.#lastQueues = undefined
    for (const queue of queues?.values() ?? []) {
      queue.deleted = true
      this.#windows.forget(queue)
      this.#dirtyBytes -= this.#dirtyInMemory(queue)
    }
    const removal: Removal = { topic, done: undefined }
    this.#removals.add(removal)
    return this.#inTurn(() => this.#remove(removal))
  }

  #remove(removal: Removal): Promise<void> {
    this.#removals.delete(removal)
    removal.done ??= this.#removeFiles(removal.topic)
    return removal.done
  }

  async #removeFiles(topic: string): Promise<void> {
    const directory = `${this.#directory}/${topic}`
    await this.#files.forget(`${directory}/`)
    for (const waiting of this.#directories)
      if (`${waiting}/`.startsWith(`${directory}/`)) this.#directories.delete(waiting)
    await this.#world.disk.removeTree(directory)
    await this.#world.disk.syncDirectory(this.#directory)
  }

  /** Flushes and closes the files. Rejects when the flush fails; the files are closed all the same. */
  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.#inTurn(() => this.#files.close())
    }
  }

  // ---- finding queues

  #find(topic: string, queueId: number): ConsumeQueue | undefined {
    // Messages come in runs of one topic: comparing two strings beats hashing one that came fresh from the wire.
    if (this.#lastQueues !== undefined && topic === this.#lastTopic) return this.#lastQueues.get(queueId)
    const queues = this.#topics.get(topic)
    if (queues === undefined) return undefined
    this.#lastTopic = topic
    this.#lastQueues = queues
    return queues.get(queueId)
  }

  #make(topic: string, queueId: number): ConsumeQueue {
    if (topic === '' || topic === '.' || topic === '..' || topic.includes('/') || topic.includes('\0'))
      throw new RangeError(`topic ${JSON.stringify(topic)} cannot be the name of a directory`)
    if (!(Number.isInteger(queueId) && queueId >= 0 && queueId <= 0x7fffffff))
      throw new RangeError(`queueId ${queueId} of topic ${topic} is not from 0 to ${0x7fffffff}`)
    let queues = this.#topics.get(topic)
    if (queues === undefined) {
      queues = new Map()
      this.#topics.set(topic, queues)
    }
    const queue = new ConsumeQueue(topic, queueId)
    queues.set(queueId, queue)
    return queue
  }

  /** Recovery repeats old messages; a new one at an old offset is a second writer, or damage, and its entry is lost. */
  #reportTaken(queue: ConsumeQueue, queueOffset: number, physicalOffset: number): void {
    const { topic, queueId, maxOffset } = queue
    this.#log.error(
      { topic, queueId, queueOffset, physicalOffset, maxOffset },
      'the queue has an entry at this offset already: the message cannot be consumed',
    )
  }

  *#all(): Iterable<ConsumeQueue> {
    for (const queues of this.#topics.values()) yield* queues.values()
  }

  #queueDirectory(queue: ConsumeQueue): string {
    return `${this.#directory}/${queue.topic}/${queue.queueId}`
  }

  #path(queue: ConsumeQueue, fileStart: number): string {
    return `${this.#queueDirectory(queue)}/${offsetToFileName(fileStart * CQ_UNIT_SIZE)}`
  }

  #fileStart(offset: number): number {
    return offset - (offset % this.#unitsPerFile)
  }

  /** One change of the files at a time: flushes, truncation, retention and deletion never meet. */
  #inTurn(run: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(run)
    this.#turn = done.catch(() => {})
    return done
  }

  // ---- loading

  async #load(trust: Trust): Promise<void> {
    const { disk } = this.#world
    await makeDurableDirectory(disk, this.#directory)
    const found: { topic: string; queueId: number; files: number[]; short: string | undefined }[] = []
    const topics = (await disk.list(this.#directory)).filter(entry => entry.kind === 'directory')
    const directories: { topic: string; queueId: number }[] = []
    await eachLimited(topics, OPEN_CONCURRENCY, async ({ name }) => {
      for (const entry of await disk.list(`${this.#directory}/${name}`))
        if (entry.kind === 'directory' && QUEUE_ID.test(entry.name) && Number(entry.name) <= 0x7fffffff)
          directories.push({ topic: name, queueId: Number(entry.name) })
    })
    // Look at everything before anything is changed: a wrong setting must not cost data.
    await eachLimited(directories, OPEN_CONCURRENCY, async ({ topic, queueId }) => {
      found.push({ topic, queueId, ...(await this.#listFiles(topic, queueId)) })
    })
    // In an order that does not depend on which reads came back first.
    found.sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.queueId - b.queueId))
    for (const { topic, queueId } of found) this.#make(topic, queueId)
    await eachLimited(found, OPEN_CONCURRENCY, async ({ topic, queueId, files, short }) => {
      if (short !== undefined) await this.#lengthen(short)
      if (files.length === 0) return
      const queue = this.#find(topic, queueId)!
      if (!trust.lastExitOk) {
        // The process that died may have made them and not come to sync them.
        this.#directories.add(this.#queueDirectory(queue))
        this.#directories.add(`${this.#directory}/${topic}`)
        this.#directories.add(this.#directory)
      }
      const state = await recoverQueue(disk, this.#queueDirectory(queue), files, this.#unitsPerFile, trust)
      queue.firstFile = state.firstFile
      queue.filesEnd = state.filesEnd
      queue.minOffset = state.minOffset
      queue.minPhysicalOffset = state.minPhysicalOffset
      queue.maxOffset = queue.nextOffset = queue.flushedOffset = state.maxOffset
      queue.maxPhysicalOffset = state.maxPhysicalOffset
      if (state.maxPhysicalOffset > this.#maxPhysicalOffset) this.#maxPhysicalOffset = state.maxPhysicalOffset
    })
  }

  /** The starts (in entries) of the queue's files, the newest run of them that has no gap. */
  async #listFiles(topic: string, queueId: number): Promise<{ files: number[]; short: string | undefined }> {
    const directory = `${this.#directory}/${topic}/${queueId}`
    const fileSizeBytes = this.#unitsPerFile * CQ_UNIT_SIZE
    const names = (await this.#world.disk.list(directory))
      .filter(entry => entry.kind === 'file' && FILE_NAME.test(entry.name))
      .map(entry => entry.name)
    let files: number[] = []
    let short: string | undefined
    for (const name of names) {
      const path = `${directory}/${name}`
      const start = Number(name)
      if (start % fileSizeBytes !== 0)
        throw new Error(
          `${path}: the name is not a multiple of mappedFileSizeConsumeQueue ${fileSizeBytes}; set it to what the store was made with`,
        )
      const sizeBytes = (await this.#world.disk.stat(path))?.sizeBytes ?? 0
      // A crash while the file was made, or cut, leaves the last one short.
      if (sizeBytes < fileSizeBytes && name === names.at(-1)) short = path
      else if (sizeBytes !== fileSizeBytes)
        throw new Error(
          `${path} has ${sizeBytes} bytes; mappedFileSizeConsumeQueue is ${fileSizeBytes}: set it to what the store was made with, or restore the file`,
        )
      const unit = start / CQ_UNIT_SIZE
      if (files.length > 0 && files.at(-1)! + this.#unitsPerFile !== unit) {
        this.#log.error(
          { topic, queueId, file: name },
          'files of the consume queue before this one are missing: the queue starts here',
        )
        files = []
      }
      files.push(unit)
    }
    return { files, short }
  }

  async #lengthen(path: string): Promise<void> {
    this.#log.warn(
      { path },
      'the consume queue file is short, which a crash can leave: it is brought to its full length',
    )
    const file = await this.#world.disk.open(path, 'readWrite')
    try {
      const sizeBytes = await file.size()
      await file.truncate(sizeBytes - (sizeBytes % CQ_UNIT_SIZE))
      await file.truncate(this.#unitsPerFile * CQ_UNIT_SIZE)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  // ---- reading

  #readWindow(queue: ConsumeQueue, offset: number, count: number): Units | Promise<Units> {
    const fileStart = this.#fileStart(offset)
    const start = offset - ((offset - fileStart) % WINDOW_UNITS)
    return this.#windows.find(queue, start, offset, count) ?? this.#loadWindow(queue, start, offset, count)
  }

  async #loadWindow(queue: ConsumeQueue, start: number, offset: number, count: number): Promise<Units> {
    const units = await this.#readFile(queue, start, Math.min(WINDOW_UNITS, queue.memoryStart - start))
    // What was cut off while it was read must not be remembered.
    if (queue.deleted || units.count === 0 || start + units.count > queue.memoryStart) return NO_UNITS
    this.#windows.put(queue, start, units)
    return this.#windows.find(queue, start, offset, count) ?? NO_UNITS
  }

  #read(queue: ConsumeQueue, offset: number, count: number): Units | Promise<Units> {
    if (offset >= queue.memoryStart) return queue.view(offset, count)
    return this.#readFile(queue, offset, Math.min(count, queue.memoryStart - offset, CHUNK_UNITS))
  }

  async #readFile(queue: ConsumeQueue, offset: number, count: number): Promise<Units> {
    const fileStart = this.#fileStart(offset)
    const units = Math.min(count, fileStart + this.#unitsPerFile - offset)
    const buffer = Buffer.allocUnsafe(units * CQ_UNIT_SIZE)
    try {
      const length = await this.#files.use(this.#path(queue, fileStart), file =>
        file.read(buffer, (offset - fileStart) * CQ_UNIT_SIZE),
      )
      return { count: Math.floor(length / CQ_UNIT_SIZE), buffer, start: 0 }
    } catch (error) {
      // Retention or deleteTopic was faster.
      if (error instanceof DiskError && error.code === 'ENOENT' && (queue.deleted || offset < queue.firstFile))
        return NO_UNITS
      throw error
    }
  }

  /** The first entry in [low, high) for which `wanted` holds; it holds for all behind it. `high` when there is none. */
  async #firstUnit(
    queue: ConsumeQueue,
    low: number,
    high: number,
    wanted: (bytes: Uint8Array, at: number) => boolean,
  ): Promise<number> {
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      const { buffer, start } = await this.#read(queue, middle, 1)
      if (wanted(buffer, start)) high = middle
      else low = middle + 1
    }
    return low
  }

  // ---- flushing

  async #flush(): Promise<void> {
    // A topic may be back already: its old files go before its new ones are made. Whoever deleted it hears of a failure.
    for (const removal of this.#removals) await this.#remove(removal).catch(() => {})
    const listed = this.#listed
    this.#listed = []
    this.#needsFlush = false
    const active: ConsumeQueue[] = []
    for (const queue of listed) {
      queue.listed = false
      if (queue.deleted) continue
      if (queue.isDirty) active.push(queue)
      // Nothing came since the last flush: its readers, if any, have caught up.
      else queue.shrink(0)
    }
    try {
      await eachLimited(active, FLUSH_CONCURRENCY, queue => this.#write(queue))
      await eachLimited([...this.#directories], FLUSH_CONCURRENCY, async directory => {
        await this.#world.disk.syncDirectory(directory)
        this.#directories.delete(directory)
      })
    } finally {
      let heldBytes = 0
      for (const queue of active) {
        queue.shrink(CLEAN_CHUNKS_PER_QUEUE)
        heldBytes += queue.memoryBytes
        if (heldBytes > CLEAN_BYTES && !queue.isDirty) {
          heldBytes -= queue.memoryBytes
          queue.shrink(0)
        }
        if (queue.tail !== undefined && !queue.listed && !queue.deleted) {
          queue.listed = true
          this.#listed.push(queue)
        }
      }
    }
  }

  /**
   * Brings what the queue has now to the disk. A file is complete and synced before the next one is made: after a crash
   * only the last file of a queue can have holes.
   */
  async #write(queue: ConsumeQueue): Promise<void> {
    const end = queue.maxOffset
    while (queue.flushedOffset < end && !queue.deleted) {
      const from = queue.flushedOffset
      const fileStart = this.#fileStart(from)
      const to = Math.min(end, fileStart + this.#unitsPerFile)
      if (fileStart >= queue.filesEnd) await this.#makeFile(queue, fileStart)
      const buffers: Uint8Array[] = []
      // Nothing in memory before the first message: those are blanks.
      const firstInMemory = Math.min(Math.max(from, queue.memoryStart), to)
      for (let blank = from; blank < firstInMemory; blank += CHUNK_UNITS) {
        blankChunk ??= blankUnits(CHUNK_UNITS)
        buffers.push(blankChunk.subarray(0, Math.min(CHUNK_UNITS, firstInMemory - blank) * CQ_UNIT_SIZE))
      }
      queue.collect(firstInMemory, to, buffers)
      await this.#files.use(this.#path(queue, fileStart), async file => {
        await file.write(buffers, (from - fileStart) * CQ_UNIT_SIZE)
        await file.sync()
      })
      queue.flushedOffset = to
      if (!queue.deleted) this.#dirtyBytes -= (to - firstInMemory) * CQ_UNIT_SIZE
    }
  }

  #dirtyInMemory(queue: ConsumeQueue): number {
    return (queue.maxOffset - Math.max(queue.flushedOffset, queue.memoryStart)) * CQ_UNIT_SIZE
  }

  async #makeFile(queue: ConsumeQueue, fileStart: number): Promise<void> {
    const { disk } = this.#world
    const directory = this.#queueDirectory(queue)
    if (queue.firstFile === queue.filesEnd) {
      await disk.makeDirectory(directory)
      this.#directories.add(`${this.#directory}/${queue.topic}`)
      this.#directories.add(this.#directory)
    } else if (this.#directories.has(directory)) {
      // The file before this one is there for sure: no crash leaves a gap.
      await disk.syncDirectory(directory)
    }
    const file = await disk.open(this.#path(queue, fileStart), 'create')
    try {
      // Nothing of what a flush that failed may have left. The length is safe with the first entry's sync.
      await file.truncate(0)
      await file.truncate(this.#unitsPerFile * CQ_UNIT_SIZE)
    } finally {
      await file.close()
    }
    this.#directories.add(directory)
    queue.filesEnd = fileStart + this.#unitsPerFile
  }

  // ---- truncation and retention

  async #truncate(queue: ConsumeQueue, maxPhysicalOffset: number): Promise<void> {
    const end = await this.#firstUnit(
      queue,
      queue.firstFile,
      queue.maxOffset,
      (bytes, at) => unitRank(bytes, at) >= 0 && unitEnd(bytes, at) > maxPhysicalOffset,
    )
    let lastEnd = -1
    if (end > queue.firstFile) {
      const { buffer, start } = await this.#read(queue, end - 1, 1)
      lastEnd = unitRank(buffer, start) < 0 ? -1 : unitEnd(buffer, start)
    }
    const fileStart = this.#fileStart(end)
    // A file without an entry goes, unless it is the only one that knows how far the queue had come.
    const keepLast = end > fileStart || (fileStart === queue.firstFile && fileStart > 0)
    const filesEnd = keepLast ? fileStart + this.#unitsPerFile : fileStart
    const oldEnd = queue.filesEnd
    queue.cutTo(end, lastEnd)
    this.#windows.forget(queue)
    queue.filesEnd = filesEnd
    for (let start = oldEnd - this.#unitsPerFile; start >= filesEnd; start -= this.#unitsPerFile) {
      await this.#files.forget(this.#path(queue, start))
      await this.#world.disk.remove(this.#path(queue, start))
    }
    if (keepLast)
      await this.#files.use(this.#path(queue, fileStart), async (file: DiskFile) => {
        await cutFile(file, end - fileStart, this.#unitsPerFile)
        await file.sync()
      })
    await this.#world.disk.syncDirectory(this.#queueDirectory(queue))
  }

  async #correctMin(queue: ConsumeQueue, minPhysicalOffset: number): Promise<void> {
    if (queue.deleted || queue.minOffset >= queue.maxOffset) return
    if (queue.minPhysicalOffset >= minPhysicalOffset) return
    if (queue.maxPhysicalOffset <= minPhysicalOffset) {
      // Nothing left: the queue keeps its place.
      queue.minOffset = queue.maxOffset
      queue.minPhysicalOffset = -1
    } else {
      const min = await this.#firstUnit(
        queue,
        queue.minOffset,
        queue.maxOffset,
        (bytes, at) => unitRank(bytes, at) >= minPhysicalOffset,
      )
      if (queue.deleted) return
      const { buffer, start, count } = await this.#read(queue, min, 1)
      queue.minOffset = min
      queue.minPhysicalOffset = count > 0 ? unitOffset(buffer, start) : -1
    }
    let removed = 0
    while (
      queue.firstFile + this.#unitsPerFile <= queue.minOffset &&
      queue.firstFile + this.#unitsPerFile < queue.filesEnd
    ) {
      const path = this.#path(queue, queue.firstFile)
      queue.firstFile += this.#unitsPerFile
      await this.#files.forget(path)
      await this.#world.disk.remove(path)
      removed++
    }
    if (removed > 0) await this.#world.disk.syncDirectory(this.#queueDirectory(queue))
  }
}
