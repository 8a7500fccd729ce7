import { type GroupRecord, groupRecord } from '@rocketcluster/protocol'
import { type Disk, readTextFile, replaceFile, type World } from '@rocketcluster/world'

const NAME = 'member.json'
const ID_BYTES = 12

interface Stored {
  readonly storeId: string
  readonly bootId: string
  readonly machineBootId: string
  readonly highestEpoch: number
  readonly record: GroupRecord | undefined
}

export interface MemberFileOptions {
  /** storePathRootDir: it exists. */
  readonly root: string
  /** The directory of the log, and the mark that a broker which stops properly takes away. */
  readonly commitLogDirectory: string
  /** flushDiskType ASYNC_FLUSH: what was not synced may be gone after a machine crash. */
  readonly asyncFlush: boolean
  /** Another one after each start of the machine; empty when nobody can tell. */
  readonly machineBootId: string
}

/**
 * What a member of a group must not forget, `member.json` in the root of its store: it belongs to this store, and goes when the
 * store goes. Ours, not RocketMQ's.
 *
 * `storeId` is random and made with the store: a member is its store, not its name. A store whose log is empty gets a new one:
 * whatever was confirmed under the old one is not here any more. `bootId` changes exactly when the tail of the log may be gone: the
 * machine crashed under asynchronous flush. The highest epoch seen and the last record seen are on the disk before anybody is told.
 */
export class MemberFile {
  readonly storeId: string
  readonly bootId: string
  readonly #disk: Disk
  readonly #path: string
  readonly #machineBootId: string
  #highestEpoch: number
  #durableEpoch = 0
  #record: GroupRecord | undefined
  #saving: Promise<void> = Promise.resolve()

  /** Before the store is opened. Throws Error with a sentence for the operator when the file is damaged; DiskError. */
  static async open(world: World, options: MemberFileOptions): Promise<MemberFile> {
    const { disk, random } = world
    const { root, commitLogDirectory, asyncFlush, machineBootId } = options
    const path = `${root}/${NAME}`
    const newId = () => Buffer.from(random.bytes(ID_BYTES)).toString('hex')
    const before = await load(disk, path)
    const isEmpty = !(await hasFiles(disk, commitLogDirectory))
    const mayLackItsTail =
      asyncFlush &&
      (machineBootId === '' || before?.machineBootId !== machineBootId) &&
      (await disk.stat(`${root}/abort`)) !== undefined
    const now: Stored = {
      storeId: before === undefined || isEmpty ? newId() : before.storeId,
      bootId: before === undefined || mayLackItsTail ? newId() : before.bootId,
      machineBootId,
      highestEpoch: before?.highestEpoch ?? 0,
      record: before?.record,
    }
    const file = new MemberFile(disk, path, now)
    // Before anything else: the machine may crash again, and then the reason would not be seen any more.
    await file.#save()
    if (before !== undefined && now.bootId !== before.bootId)
      world.log.warn({ root }, 'the machine crashed under asynchronous flush: the end of the log may be missing')
    return file
  }

  private constructor(disk: Disk, path: string, stored: Stored) {
    this.#disk = disk
    this.#path = path
    this.storeId = stored.storeId
    this.bootId = stored.bootId
    this.#machineBootId = stored.machineBootId
    this.#highestEpoch = stored.highestEpoch
    this.#record = stored.record
  }

  /** No master of an earlier epoch is followed or obeyed. */
  get highestEpoch(): number {
    return this.#highestEpoch
  }

  /** The highest of which that is on the disk. */
  get durableEpoch(): number {
    return this.#durableEpoch
  }

  /** The last record seen. */
  get record(): GroupRecord | undefined {
    return this.#record
  }

  /** Resolves when it is on the disk. Throws DiskError. */
  async sawEpoch(epoch: number): Promise<void> {
    if (epoch <= this.#durableEpoch) return
    this.#highestEpoch = Math.max(this.#highestEpoch, epoch)
    await this.#save()
  }

  /** As `sawEpoch`, of a whole record. */
  async saw(record: GroupRecord): Promise<void> {
    this.#record = record
    this.#highestEpoch = Math.max(this.#highestEpoch, record.masterEpoch)
    await this.#save()
  }

  #save(): Promise<void> {
    const saved = this.#saving
      .catch(() => {})
      .then(() => {
        const highestEpoch = this.#highestEpoch
        const record = this.#record && JSON.parse(Buffer.from(groupRecord.encode(this.#record)).toString('utf8'))
        const content = {
          storeId: this.storeId,
          bootId: this.bootId,
          machineBootId: this.#machineBootId,
          highestEpoch,
          ...(record && { record }),
        }
        return replaceFile(this.#disk, this.#path, Buffer.from(`${JSON.stringify(content, null, 2)}\n`)).then(() => {
          this.#durableEpoch = highestEpoch
        })
      })
    this.#saving = saved
    return saved
  }
}

async function load(disk: Disk, path: string): Promise<Stored | undefined> {
  const text = await readTextFile(disk, path)
  if (text === undefined) return undefined
  try {
    const { storeId, bootId, machineBootId, highestEpoch, record } = JSON.parse(text)
    for (const [name, value] of Object.entries({ storeId, bootId, machineBootId }))
      if (typeof value !== 'string') throw new Error(`${name} is missing`)
    if (!Number.isSafeInteger(highestEpoch) || highestEpoch < 0) throw new Error('highestEpoch is no epoch')
    return {
      storeId,
      bootId,
      machineBootId,
      highestEpoch,
      record: record === undefined ? undefined : groupRecord.parse(JSON.stringify(record)),
    }
  } catch (error) {
    throw new Error(
      `${path} is damaged (${(error as Error).message}): who this member is, and what it has promised, is not known. Empty its store, and it gets everything from the master`,
      { cause: error },
    )
  }
}

async function hasFiles(disk: Disk, directory: string): Promise<boolean> {
  if ((await disk.stat(directory)) === undefined) return false
  return (await disk.list(directory)).length > 0
}
