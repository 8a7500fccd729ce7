import { type Disk, type Log, readTextFile, writeTextFile } from '@rocketcluster/world'

/** The namespace whose keys are topics and whose values say on which brokers their order is kept (NamesrvUtil.java). */
export const NAMESPACE_ORDER_TOPIC_CONFIG = 'ORDER_TOPIC_CONFIG'

type Table = ReadonlyMap<string, ReadonlyMap<string, string>>

/** The kvConfig.json that is there cannot be used, and nothing can stand in for it. */
export class KvConfigError extends Error {
  override readonly name = 'KvConfigError'
}

/**
 * Small settings that administrators keep on the name server, by namespace and key, kept in one file as Apache's name
 * server keeps them: `{"configTable":{namespace:{key:value}}}` (KVConfigManager.java). A change is answered when it is
 * on stable storage; a change that cannot be stored does not happen.
 */
export class KvConfig {
  readonly #disk: Disk
  readonly #path: string
  #table: Table
  #revision = 0
  #lastChange: Promise<void> = Promise.resolve()

  private constructor(disk: Disk, path: string, table: Table) {
    this.#disk = disk
    this.#path = path
    this.#table = table
  }

  /**
   * Reads the file; none is an empty table. A damaged one is replaced by the `.bak` beside it that Apache's name
   * server leaves. Throws KvConfigError when that does not help, DiskError when the disk refuses.
   */
  static async load(disk: Disk, path: string, log: Log): Promise<KvConfig> {
    const text = await readTextFile(disk, path)
    const table = text === undefined ? undefined : parseTable(text)
    if (table) return new KvConfig(disk, path, table)
    const backup = await readTextFile(disk, `${path}.bak`)
    if (text === undefined && backup === undefined) return new KvConfig(disk, path, new Map())
    const saved = backup === undefined ? undefined : parseTable(backup)
    if (!saved) {
      const shape = 'the JSON text {"configTable":{"namespace":{"key":"value"}}}'
      throw new KvConfigError(`${path} is not ${shape}, and no .bak beside it is; correct or remove it`)
    }
    log.warn({ path: `${path}.bak` }, `${path} is ${text === undefined ? 'missing' : 'damaged'}: its backup is used`)
    return new KvConfig(disk, path, saved)
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#revision
  }

  get(namespace: string, key: string): string | undefined {
    return this.#table.get(namespace)?.get(key)
  }

  /** All of one namespace; undefined when nothing was ever put there. */
  namespace(namespace: string): ReadonlyMap<string, string> | undefined {
    return this.#table.get(namespace)
  }

  /** Throws DiskError; then nothing has changed. */
  put(namespace: string, key: string, value: string): Promise<void> {
    return this.#change(namespace, entries => entries.set(key, value))
  }

  /** Fine when the key is not there. Throws DiskError; then nothing has changed. */
  async delete(namespace: string, key: string): Promise<void> {
    await this.#change(namespace, entries => entries.delete(key))
  }

  /** Applies a change to a copy, stores the copy, and lets it count. One after the other: each builds on the one before. */
  #change(namespace: string, apply: (entries: Map<string, string>) => unknown): Promise<void> {
    const done = this.#lastChange.then(async () => {
      const entries = new Map(this.#table.get(namespace))
      if (apply(entries) === false) return
      const next = new Map(this.#table).set(namespace, entries)
      await writeTextFile(this.#disk, this.#path, printTable(next))
      this.#table = next
      this.#revision++
    })
    this.#lastChange = done.catch(() => {})
    return done
  }
}

function printTable(table: Table): string {
  const plain = Object.fromEntries([...table].map(([namespace, entries]) => [namespace, Object.fromEntries(entries)]))
  return JSON.stringify({ configTable: plain })
}

function parseTable(text: string): Table | undefined {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(file)) return undefined
  const configTable = file.configTable ?? {}
  if (!isObject(configTable)) return undefined
  const table = new Map<string, Map<string, string>>()
  for (const [namespace, entries] of Object.entries(configTable)) {
    if (!isObject(entries)) return undefined
    const values = Object.entries(entries)
    if (!values.every((entry): entry is [string, string] => typeof entry[1] === 'string')) return undefined
    table.set(namespace, new Map(values))
  }
  return table
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
