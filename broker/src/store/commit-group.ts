import type { Appended, Arrival, PutStatus } from './types.ts'

/** One appended message, from its append until it is readable. The same object is the producer's result and the arrival. */
export class Put implements Appended, Arrival {
  readonly physicalOffset: number
  readonly queueOffset: number
  readonly sizeBytes: number
  readonly storeTimestamp: number
  readonly topic: string
  readonly queueId: number
  readonly tagsCode: number
  readonly sysFlag: number
  readonly uniqKey: string | undefined
  readonly keys: string | undefined

  constructor(
    topic: string,
    queueId: number,
    queueOffset: number,
    physicalOffset: number,
    sizeBytes: number,
    storeTimestamp: number,
    tagsCode: number,
    sysFlag: number,
    uniqKey: string | undefined,
    keys: string | undefined,
  ) {
    this.topic = topic
    this.queueId = queueId
    this.queueOffset = queueOffset
    this.physicalOffset = physicalOffset
    this.sizeBytes = sizeBytes
    this.storeTimestamp = storeTimestamp
    this.tagsCode = tagsCode
    this.sysFlag = sysFlag
    this.uniqKey = uniqKey
    this.keys = keys
  }

  get maxOffset(): number {
    return this.queueOffset + 1
  }
}

/** A promise that many wait for, made only when somebody asks. */
export class Shared<T> {
  readonly promise: Promise<T>
  resolve!: (value: T) => void
  reject!: (error: unknown) => void

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    // A one-way producer never looks; a failed write must not become an unhandled rejection.
    this.promise.catch(() => {})
  }
}

/** The messages that one write call takes to the disk, and those who wait for it. */
export class CommitGroup {
  readonly puts: Put[] = []
  /** Physical offset behind the last message. */
  end: number
  /** When the first message was appended, monotonic. */
  startedMs = 0
  /** When the write had returned, monotonic. */
  writtenMs = 0
  written: Shared<PutStatus> | undefined
  durable: Shared<PutStatus> | undefined

  constructor(end: number) {
    this.end = end
  }

  reject(error: unknown): void {
    this.written?.reject(error)
    this.durable?.reject(error)
  }
}
