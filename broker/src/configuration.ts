import { type BrokerConfig, brokerConfig } from '@rocketcluster/config'
import { type Disk, replaceFile } from '@rocketcluster/world'

/** Keys that no request may change, whatever configBlackList says (AdminBrokerProcessor.java). */
const NEVER_AT_RUN_TIME = ['configBlackList', 'brokerConfigPath']

/** The broker's configuration while it runs. */
export class Configuration {
  /** As it is in force now: one object for the life of the broker, so read it at every use. */
  readonly current: BrokerConfig
  /** Told after a change which keys have another value from now on. */
  onChange: (live: readonly (keyof BrokerConfig)[]) => void = () => {}
  readonly #disk: Disk
  #lastUpdate: Promise<unknown> = Promise.resolve()

  constructor(disk: Disk, config: BrokerConfig) {
    this.#disk = disk
    this.current = { ...config }
  }

  /**
   * Applies properties text: live keys at once, the others at the next start; all are stored in brokerConfigPath, whose
   * comments and order stay. Returns the keys whose value is another one now. Throws ForbiddenKeyError, ConfigError
   * (unknown keys, impossible values) and DiskError; then nothing has changed.
   */
  update(changes: string): Promise<readonly string[]> {
    const done = this.#lastUpdate.then(async () => {
      const blackList = [...NEVER_AT_RUN_TIME, ...this.current.configBlackList]
      const { config, changed, needRestart } = brokerConfig.update(this.current, changes, blackList)
      if (changed.length === 0) return []
      if (this.current.brokerConfigPath !== '') await this.#store(this.current.brokerConfigPath, config, changed)
      const live = changed.filter(key => !needRestart.includes(key))
      Object.assign(this.current, Object.fromEntries(live.map(key => [key, config[key]])))
      this.onChange(live)
      return changed
    })
    this.#lastUpdate = done.catch(() => {})
    return done
  }

  async #store(path: string, config: BrokerConfig, changed: Parameters<typeof brokerConfig.edit>[2]): Promise<void> {
    const stored = (await this.#disk.stat(path)) ? Buffer.from(await this.#disk.readFile(path)).toString() : ''
    await replaceFile(this.#disk, path, Buffer.from(brokerConfig.edit(stored, config, changed)))
  }
}
