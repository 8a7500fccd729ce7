import type { World } from '@rocketcluster/world'
import { Broker, type BrokerOptions } from './broker.ts'
import { markForEmptying } from './store/emptied-store.ts'

/** Between two attempts to start again. */
const RETRY_MS = 5000

/**
 * A broker that, as a slave, begins anew by itself when its master has no longer what comes next: it stops, empties its store,
 * and takes everything over that the master has. Until it is there again it is not ready, and serves nobody.
 */
export class ResyncingBroker {
  readonly #world: World
  readonly #options: BrokerOptions
  #broker: Broker
  #restarting: Promise<void> | undefined
  #stopping = false

  /** Throws as `Broker.start`. */
  static async start(world: World, options: Omit<BrokerOptions, 'onTooFarBehind'>): Promise<ResyncingBroker> {
    // It may be asked for before the first start has returned.
    let resync: (minOffset: number) => void = () => {}
    let asked: number | undefined
    const all: BrokerOptions = {
      ...options,
      onTooFarBehind: minOffset => {
        asked = minOffset
        resync(minOffset)
      },
    }
    const resyncing = new ResyncingBroker(world, all, await Broker.start(world, all))
    resync = minOffset => resyncing.#resync(minOffset)
    if (asked !== undefined) resync(asked)
    return resyncing
  }

  private constructor(world: World, options: BrokerOptions, broker: Broker) {
    this.#world = world
    this.#options = options
    this.#broker = broker
  }

  /** The one that runs, or ran last. */
  get current(): Broker {
    return this.#broker
  }

  get ready(): boolean {
    return this.#restarting === undefined && this.#broker.ready
  }

  /** As `Broker.stop`. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#restarting
    await this.#broker.stop()
  }

  #resync(minOffset: number): void {
    const { maxPhysicalOffset: end } = this.#broker.services.store
    this.#world.log.warn(
      { end, minOffset },
      'the master has no longer what comes next here: the store is emptied and taken over anew',
    )
    this.#restarting = this.#restart().finally(() => (this.#restarting = undefined))
  }

  async #restart(): Promise<void> {
    const { log, clock, disk } = this.#world
    await this.#broker.stop().catch(error => log.error({ error }, 'the broker did not stop cleanly'))
    while (!this.#stopping) {
      try {
        await markForEmptying(disk, this.#options.config.storePathRootDir)
        this.#broker = await Broker.start(this.#world, this.#options)
        return
      } catch (error) {
        log.error({ error }, 'the broker cannot start again; trying again')
        await clock.sleep(RETRY_MS)
      }
    }
  }
}
