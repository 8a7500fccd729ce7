import { type Disk, DiskError, type DiskLock, replaceFile, type World } from '@rocketcluster/world'
import { type GroupRecord, parseRecord, printRecord, RecordError } from '../state/record.ts'
import { type RecordStore, RecordStoreError, type StoredRecord, type Swapped } from './record-store.ts'

/** How long a swap waits for another process to let go of the lock: it holds it for one file's replacement. */
const LOCK_WAIT_MS = 3000
const LOCK_RETRY_MS = 5

const SUFFIX = '.record.json'

interface Content {
  readonly version: string
  readonly text: string
}

/**
 * Keeps each record in a file of one directory, which all controllers of one machine share. A swap holds the kernel's lock of
 * a file beside it: the lock goes when its process dies, however it dies, so none is ever stale. The record is
 * replaced as a whole and synced before the swap is answered; readers need no lock.
 *
 * The first line of a file is its version. A removed record leaves a file with a version and no text: versions never repeat.
 */
export class FileRecordStore implements RecordStore {
  readonly #world: World
  readonly #directory: string
  /** Within this process swaps queue here; the kernel's lock is between processes. */
  #lastSwap: Promise<unknown> = Promise.resolve()

  #made: Promise<void> | undefined

  /** `directory` is absolute; it is made when it is missing. */
  constructor(world: World, directory: string) {
    this.#world = world
    this.#directory = directory
  }

  async read(brokerName: string): Promise<StoredRecord | undefined> {
    const content = await this.#load(brokerName)
    return content && content.text !== ''
      ? { record: this.#parse(brokerName, content), version: content.version }
      : undefined
  }

  swap(brokerName: string, expected: string | undefined, next: GroupRecord | undefined): Promise<Swapped> {
    const swapped = this.#lastSwap.then(() => this.#swap(brokerName, expected, next))
    this.#lastSwap = swapped.catch(() => {})
    return swapped
  }

  async #swap(brokerName: string, expected: string | undefined, next: GroupRecord | undefined): Promise<Swapped> {
    const { disk } = this.#world
    const lock = await this.#lock(brokerName)
    try {
      const content = await this.#load(brokerName)
      const present = content && content.text !== '' ? content.version : undefined
      if (present !== expected) return 'conflict'
      const version = String(Number(content?.version ?? 0) + 1)
      const text = `${version}\n${next ? printRecord(next) : ''}`
      let begun = false
      const beforeReplace = async () => {
        begun = true
      }
      try {
        await replaceFile(disk, this.#path(brokerName), Buffer.from(text), beforeReplace)
      } catch (error) {
        // Once begun, the rename may have happened, and only the directory not been synced.
        throw failed(`the record of ${brokerName} could not be written`, error, begun ? 'unknown' : 'none')
      }
      return { version: next ? version : undefined }
    } finally {
      await lock.release()
    }
  }

  async list(): Promise<string[]> {
    const entries = await this.#world.disk.list(this.#directory).catch(error => {
      if (isMissing(error)) return []
      throw failed(`the records in ${this.#directory} cannot be listed`, error)
    })
    const names = entries.map(({ name }) => name).filter(name => name.endsWith(SUFFIX))
    const found = await Promise.all(
      names.map(async name => {
        const brokerName = decodeURIComponent(name.slice(0, -SUFFIX.length))
        const content = await this.#load(brokerName)
        return content && content.text !== '' ? [brokerName] : []
      }),
    )
    return found.flat()
  }

  async #load(brokerName: string): Promise<Content | undefined> {
    const bytes = await this.#world.disk.readFile(this.#path(brokerName)).catch(error => {
      if (isMissing(error)) return undefined
      throw failed(`the record of ${brokerName} cannot be read`, error)
    })
    if (!bytes) return undefined
    const whole = Buffer.from(bytes).toString('utf8')
    const end = whole.indexOf('\n')
    const version = whole.slice(0, Math.max(0, end))
    if (!/^[1-9]\d{0,14}$/.test(version))
      throw new RecordError(`${this.#path(brokerName)}: the first line has to be the record's version, a whole number`)
    return { version, text: whole.slice(end + 1).trim() }
  }

  #parse(brokerName: string, { text }: Content): GroupRecord {
    try {
      const record = parseRecord(text)
      if (record.brokerName === brokerName) return record
      throw new RecordError(`brokerName: is ${record.brokerName}, and the file is that of ${brokerName}`)
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
      throw new RecordError(`${this.#path(brokerName)}: ${error.message}`, { cause: error })
    }
  }

  async #lock(brokerName: string): Promise<DiskLock> {
    const { clock, disk, random } = this.#world
    const path = `${this.#path(brokerName)}.lock`
    const untilMs = clock.monotonicMs() + LOCK_WAIT_MS
    try {
      await (this.#made ??= makeDurable(disk, this.#directory))
      for (;;) {
        try {
          return await disk.lock(path)
        } catch (error) {
          if (!(error instanceof DiskError && error.code === 'LOCKED') || clock.monotonicMs() >= untilMs) throw error
          await clock.sleep(LOCK_RETRY_MS + random.int(LOCK_RETRY_MS))
        }
      }
    } catch (error) {
      this.#made = undefined
      throw failed(`the record of ${brokerName} cannot be locked`, error)
    }
  }

  /** Broker names may hold characters that file names must not; `.` and `..` are no names of files. */
  #path(brokerName: string): string {
    return `${this.#directory}/${encodeURIComponent(brokerName).replace(/^\./, '%2E')}${SUFFIX}`
  }
}

/** Makes a directory that is there after a power cut too: each is an entry in the one above it. */
async function makeDurable(disk: Disk, directory: string): Promise<void> {
  await disk.makeDirectory(directory)
  for (let at = directory; at !== ''; ) {
    at = at.slice(0, at.lastIndexOf('/'))
    await disk.syncDirectory(at || '/').catch(error => {
      // A directory that we may pass but not read was not made by us.
      if (!(error instanceof DiskError && error.code === 'EACCES')) throw error
    })
  }
}

const isMissing = (error: unknown) => error instanceof DiskError && error.code === 'ENOENT'

function failed(what: string, error: unknown, outcome: 'none' | 'unknown' = 'none'): RecordStoreError {
  return new RecordStoreError(outcome, `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  })
}
