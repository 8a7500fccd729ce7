import { type NamesrvConfig, namesrvConfig } from '@rocketcluster/config'
import type { Disk } from '@rocketcluster/world'
import { readText, writeText } from './atomic-file.ts'

/** Keys that no request may change, whatever configBlackList says (DefaultRequestProcessor.java). */
const NEVER_AT_RUN_TIME = ['configBlackList', 'configStorePath', 'kvConfigPath', 'rocketmqHome']

/** The name server's own configuration while it runs. */
export class Configuration {
  readonly #disk: Disk
  readonly #onChange: (config: NamesrvConfig) => void
  #current: NamesrvConfig
  #lastUpdate: Promise<unknown> = Promise.resolve()

  /** `onChange` is told of every change that has come into force. */
  constructor(disk: Disk, config: NamesrvConfig, onChange: (config: NamesrvConfig) => void = () => {}) {
    this.#disk = disk
    this.#onChange = onChange
    this.#current = config
  }

  /** As it is now: read it at every use. */
  get current(): NamesrvConfig {
    return this.#current
  }

  /** Properties text of all keys; passwords are left out. */
  print(): string {
    return namesrvConfig.print(this.#current)
  }

  /**
   * Applies properties text and stores what changed in configStorePath, whose comments and order stay. Returns the
   * keys that take effect only after a restart. Throws ForbiddenKeyError, ConfigError (unknown keys, impossible values)
   * and DiskError; then nothing has changed.
   */
  update(text: string): Promise<readonly string[]> {
    const done = this.#lastUpdate.then(async () => {
      const blackList = [...NEVER_AT_RUN_TIME, ...this.#current.configBlackList]
      const { config, changed, needRestart } = namesrvConfig.update(this.#current, text, blackList)
      if (changed.length === 0) return []
      const path = config.configStorePath
      const stored = (await readText(this.#disk, path)) ?? ''
      await writeText(this.#disk, path, namesrvConfig.edit(stored, config, changed))
      this.#current = config
      this.#onChange(config)
      return needRestart
    })
    this.#lastUpdate = done.catch(() => {})
    return done
  }
}
