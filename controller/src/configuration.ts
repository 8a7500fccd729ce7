import { parseJavaProperties, printJavaProperties } from '@rocketcluster/protocol'
import { type Disk, DiskError, replaceFile } from '@rocketcluster/world'
import { type ControllerConfig, printConfig, updateConfig } from './settings.ts'

/** The controller's own configuration while it runs. */
export class Configuration {
  readonly #disk: Disk
  readonly #onChange: (config: ControllerConfig) => void
  #current: ControllerConfig
  #lastUpdate: Promise<unknown> = Promise.resolve()

  constructor(disk: Disk, config: ControllerConfig, onChange: (config: ControllerConfig) => void = () => {}) {
    this.#disk = disk
    this.#current = config
    this.#onChange = onChange
  }

  /** As it is now: read it at every use. */
  get current(): ControllerConfig {
    return this.#current
  }

  /** Properties text of all keys. */
  print(): string {
    return printConfig(this.#current)
  }

  /**
   * Applies properties text and, when there is a configStorePath, stores what changed there. Returns the keys that take effect
   * only after a restart. Throws ForbiddenKeyError, ConfigError and DiskError; then nothing has changed.
   */
  update(properties: string): Promise<readonly string[]> {
    const done = this.#lastUpdate.then(async () => {
      const { config, changed, needRestart } = updateConfig(this.#current, properties)
      if (changed.length === 0) return []
      if (config.configStorePath !== '') await this.#save(config, changed)
      this.#current = config
      this.#onChange(config)
      return needRestart
    })
    this.#lastUpdate = done.catch(() => {})
    return done
  }

  async #save(config: ControllerConfig, changed: readonly string[]): Promise<void> {
    const path = config.configStorePath
    const stored = parseJavaProperties(await readText(this.#disk, path))
    for (const key of changed) stored.set(key, String(config[key as keyof ControllerConfig]))
    await this.#disk.makeDirectory(path.slice(0, path.lastIndexOf('/')) || '/')
    await replaceFile(this.#disk, path, Buffer.from(printJavaProperties(stored)))
  }
}

/** A text file; empty when it is missing. Throws DiskError. */
async function readText(disk: Disk, path: string): Promise<string> {
  try {
    return Buffer.from(await disk.readFile(path)).toString('utf8')
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return ''
    throw error
  }
}
