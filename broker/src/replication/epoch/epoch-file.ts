import { crc32 } from 'node:zlib'
import { type Disk, readTextFile, replaceFile } from '@rocketcluster/world'
import type { Epoch } from '../replication.ts'
import { EpochHistory } from './epoch-history.ts'

const NAME = 'epochFileCheckpoint'
/** Apache writes the checksum as a positive int. */
const CRC_MASK = 0x7fffffff

const ADVICE =
  'Without it nobody can tell which messages of this store other members have: empty the store of a replica, and it takes everything over anew; of the only member, restore the file'

/**
 * The history of a store's log, `epochFileCheckpoint` in its root, the one before in `.bak`, in Apache's form (CheckpointFile.java,
 * EpochFileCache.java): the number of entries, the CRC32 of what follows (0: not checked), then a line `epoch-startOffset` for each.
 */
export class EpochFile {
  readonly history: EpochHistory
  readonly #disk: Disk
  readonly #path: string
  /** What the file holds. */
  #text: string | undefined
  #saving: Promise<void> = Promise.resolve()

  /**
   * Throws Error with a sentence for the operator when the file cannot be what was written. Its `.bak` is not taken then, other than by
   * Apache's brokers: it is older, and would take bytes of one epoch for bytes of another. Throws DiskError.
   */
  static async open(disk: Disk, root: string): Promise<EpochFile> {
    const path = `${root}/${NAME}`
    const text = await readTextFile(disk, path)
    if (text === undefined && (await disk.stat(`${path}.bak`)) !== undefined)
      throw new Error(`${path} is missing, and an older one is in ${path}.bak. ${ADVICE}`)
    try {
      return new EpochFile(disk, path, text, new EpochHistory(text === undefined ? [] : decodeEpochs(text)))
    } catch (error) {
      throw new Error(`${path} is damaged: ${(error as Error).message}. ${ADVICE}`, { cause: error })
    }
  }

  private constructor(disk: Disk, path: string, text: string | undefined, history: EpochHistory) {
    this.#disk = disk
    this.#path = path
    this.#text = text
    this.history = history
  }

  /** Resolves when the history is on the disk as it was when this was called, or newer. Throws DiskError. */
  save(): Promise<void> {
    const text = encodeEpochs(this.history.entries)
    const saved = this.#saving.catch(() => {}).then(() => this.#write(text))
    this.#saving = saved
    return saved
  }

  async #write(text: string): Promise<void> {
    const before = this.#text
    if (text === before) return
    await replaceFile(this.#disk, this.#path, Buffer.from(text), async () => {
      if (before !== undefined) await replaceFile(this.#disk, `${this.#path}.bak`, Buffer.from(before))
    })
    this.#text = text
  }
}

export function encodeEpochs(entries: readonly Epoch[]): string {
  const lines = entries.map(({ epoch, startOffset }) => `${epoch}-${startOffset}\n`).join('')
  return `${entries.length}\n${crc32(lines) & CRC_MASK}\n${lines}`
}

/** Throws Error with what is wrong. */
export function decodeEpochs(text: string): Epoch[] {
  const [count = '', crc = '', ...lines] = text.split('\n').map(line => line.trimEnd())
  while (lines.at(-1) === '') lines.pop()
  if (!/^\d+$/.test(count) || !/^\d+$/.test(crc)) throw new Error('it does not begin with a count and a checksum')
  if (lines.length !== Number(count)) throw new Error(`it has ${lines.length} entries and says ${count}`)
  const sum = crc32(lines.map(line => `${line}\n`).join('')) & CRC_MASK
  if (Number(crc) !== 0 && Number(crc) !== sum) throw new Error(`its checksum is ${sum} and it says ${crc}`)
  const entries = lines.map(line => {
    const [, epoch, startOffset] = /^(\d{1,10})-(\d{1,16})$/.exec(line) ?? []
    if (epoch === undefined) throw new Error(`${JSON.stringify(line.slice(0, 60))} is not epoch-startOffset`)
    return { epoch: Number(epoch), startOffset: Number(startOffset) }
  })
  return [...new EpochHistory(entries).entries]
}
