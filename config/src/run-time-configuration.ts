import type { ConfigSchema } from './schema.ts'
import type { ConfigOf, Settings } from './setting.ts'

/** How a process reads and replaces its configuration file; after a crash it holds the old text or the new one. */
export interface ConfigurationFile {
  /** Undefined when there is none. */
  read(path: string): Promise<string | undefined>
  write(path: string, text: string): Promise<void>
}

/** The configuration of a name server or a controller while it runs. */
export class RunTimeConfiguration<S extends Settings & { configBlackList: unknown; configStorePath: unknown }> {
  readonly #schema: ConfigSchema<S>
  readonly #neverAtRunTime: readonly string[]
  readonly #file: ConfigurationFile
  readonly #onChange: (config: ConfigOf<S>) => void
  #current: ConfigOf<S>
  #lastUpdate: Promise<unknown> = Promise.resolve()

  /** `neverAtRunTime`: what no request may change, whatever configBlackList says. `onChange` is told of every change in force. */
  constructor(
    schema: ConfigSchema<S>,
    config: ConfigOf<S>,
    neverAtRunTime: readonly string[],
    file: ConfigurationFile,
    onChange: (config: ConfigOf<S>) => void = () => {},
  ) {
    this.#schema = schema
    this.#current = config
    this.#neverAtRunTime = neverAtRunTime
    this.#file = file
    this.#onChange = onChange
  }

  /** As it is now: read it at every use. */
  get current(): ConfigOf<S> {
    return this.#current
  }

  /** Properties text of all keys; passwords are left out. */
  print(): string {
    return this.#schema.print(this.#current)
  }

  /**
   * Applies properties text and stores what changed in configStorePath, whose comments and order stay. Returns the
   * keys that take effect only after a restart. Throws ForbiddenKeyError, ConfigError (unknown keys, impossible values)
   * and what the file throws; then nothing has changed.
   */
  update(text: string): Promise<readonly string[]> {
    const done = this.#lastUpdate.then(() => this.#update(text))
    this.#lastUpdate = done.catch(() => {})
    return done
  }

  async #update(text: string): Promise<readonly string[]> {
    const blackList = [...this.#neverAtRunTime, ...(this.#current.configBlackList as readonly string[])]
    const { config, changed, needRestart } = this.#schema.update(this.#current, text, blackList)
    if (changed.length === 0) return []
    const path = config.configStorePath as string
    if (path !== '') {
      const stored = (await this.#file.read(path)) ?? ''
      await this.#file.write(path, this.#schema.edit(stored, config, changed))
    }
    this.#current = config
    this.#onChange(config)
    return needRestart
  }
}
