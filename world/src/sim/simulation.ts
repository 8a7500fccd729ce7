import { type Log, silentLog } from '../log.ts'
import type { World } from '../world.ts'
import { type ClockFault, SimClock } from './clock.ts'
import { DEFAULT_DISK_LATENCY, type DiskLatency, SimDisk } from './disk.ts'
import { DiskMedium } from './medium.ts'
import { DEFAULT_NETWORK_TIMING, type NetworkHost, type NetworkTiming, SimNetwork } from './network.ts'
import { SimRandom } from './random.ts'
import { type RunLimits, Scheduler, SimProcess } from './scheduler.ts'

export interface SimulationOptions extends RunLimits {
  readonly network?: Partial<NetworkTiming>
  /** For every host that does not say otherwise. */
  readonly host?: HostOptions
  /** Gets the lines that the hosts log; without it they are dropped. */
  readonly onLog?: (line: LogLine) => void
}

export interface LogLine {
  readonly atMs: number
  readonly host: string
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: object
  readonly message: string
}

export interface HostOptions {
  /** 64 GiB when absent. Holes of sparse files do not count. */
  readonly diskBytes?: number
  readonly diskLatency?: DiskLatency
  /** Wall time ahead of the true one. Up to 50 ms either way, from the seed, when absent. */
  readonly clockOffsetMs?: number
  /** How much too fast the clock runs, in millionths. Up to 100 either way, from the seed, when absent. */
  readonly clockDriftPpm?: number
  /** Local time zone, in minutes east of UTC; 0 when absent. */
  readonly zoneMinutes?: number
  /** The disk of another host, which must not run any more: a volume that moves. */
  readonly disk?: DiskMedium
}

/** A machine of the simulation: a disk, a clock, an address, and at most one running process. */
export class SimHost implements NetworkHost {
  readonly name: string
  readonly address: string
  /** The disk as a thing, for faults. */
  readonly disk: DiskMedium
  process: SimProcess | undefined
  readonly #simulation: Simulation
  readonly #random: SimRandom
  readonly #latency: DiskLatency
  readonly #clock: ClockFault
  #world: World

  constructor(simulation: Simulation, name: string, address: string, random: SimRandom, options: HostOptions) {
    this.#simulation = simulation
    this.name = name
    this.address = address
    this.#random = random
    this.#latency = options.diskLatency ?? DEFAULT_DISK_LATENCY
    this.disk = options.disk ?? new DiskMedium(random.fork('medium'), options.diskBytes ?? 64 * 2 ** 30)
    this.#clock = {
      offsetMs: options.clockOffsetMs ?? random.between(-50, 50),
      rate: 1 + (options.clockDriftPpm ?? random.between(-100, 100)) / 1e6,
      zoneMinutes: options.zoneMinutes ?? 0,
    }
    this.#world = this.#boot()
  }

  /** What the running process sees. After a crash the old one stays dead: take the new one from `restart`. */
  get world(): World {
    return this.#world
  }

  get isRunning(): boolean {
    return this.process?.alive === true
  }

  /** kill -9: timers stop, operations never complete, peers see resets, locks are free. What was written stays. */
  crash(): void {
    this.process?.kill()
  }

  /** The plug is pulled: as a crash, but peers hear nothing, and what was not synced stays, tears or vanishes. */
  powerCut(): void {
    const { process } = this
    this.process = undefined
    process?.kill()
    this.disk.powerCut()
  }

  /** A new process on the same machine and disk; the old one is killed if it still runs. */
  restart(): World {
    this.crash()
    this.#world = this.#boot()
    return this.#world
  }

  /** Wall time jumps, as when an administrator or NTP sets it. */
  jumpClock(byMs: number): void {
    this.#clock.offsetMs += byMs
  }

  #boot(): World {
    const { scheduler, network } = this.#simulation
    const process = new SimProcess(scheduler, this.name)
    this.process = process
    const clock = new SimClock(scheduler, process, this.#clock)
    return {
      clock,
      disk: new SimDisk(this.disk, process, this.#random.fork('disk'), this.#latency, () => clock.now()),
      network: network.at(this, process),
      random: this.#random.fork('program'),
      log: this.#simulation.logOf(this.name),
    }
  }
}

/** Hosts, a network and virtual time, all from one seed. */
export class Simulation {
  readonly seed: number
  readonly scheduler = new Scheduler()
  readonly network: SimNetwork
  /** For the test itself: what to send, when to cut. */
  readonly random: SimRandom
  readonly #options: SimulationOptions
  readonly #hosts = new Map<string, SimHost>()

  constructor(seed: number, options: SimulationOptions = {}) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`seed ${seed}: an integer from 0 to 2^53-1 is allowed`)
    this.seed = seed
    this.#options = options
    this.random = new SimRandom(seed)
    const timing = { ...DEFAULT_NETWORK_TIMING, ...options.network }
    this.network = new SimNetwork(this.scheduler, this.random.fork('network'), timing)
  }

  /** Virtual milliseconds since the start, by no host's clock. */
  get nowMs(): number {
    return this.scheduler.nowMs
  }

  /** See Scheduler.traceHash. */
  get traceHash(): number {
    return this.scheduler.traceHash
  }

  /** The host of this name; made, powered and started when it is new. Options count only then. */
  host(name: string, options: HostOptions = {}): SimHost {
    const known = this.#hosts.get(name)
    if (known) return known
    const number = this.#hosts.size + 1
    const address = `10.0.${number >> 8}.${number & 0xff}`
    const host = new SimHost(this, name, address, this.random.fork(name), { ...this.#options.host, ...options })
    this.#hosts.set(name, host)
    this.network.hosts.set(name, host)
    return host
  }

  /** Runs `main` and whatever it starts until it settles. Rejects when it waits for something that can never happen. */
  run<T>(main: () => Promise<T>, limits: RunLimits = this.#options): Promise<T> {
    return this.scheduler.run(
      // Not in this turn: what main does first belongs to the run.
      Promise.resolve().then(main),
      limits,
    )
  }

  /** For the test itself: true virtual time, and no host's crash stops it. */
  sleep(delayMs: number): Promise<void> {
    return new Promise(resolve => {
      this.scheduler.schedule('test', delayMs, resolve)
    })
  }

  logOf(host: string): Log {
    const { onLog } = this.#options
    if (!onLog) return silentLog
    const make = (bound: object): Log => {
      const line = (level: LogLine['level']) => (fields: object, message: string) =>
        onLog({ atMs: this.nowMs, host, level, fields: { ...bound, ...fields }, message })
      return {
        debug: line('debug'),
        info: line('info'),
        warn: line('warn'),
        error: line('error'),
        child: fields => make({ ...bound, ...fields }),
      }
    }
    return make({})
  }
}

/** A world to be run from `seed`. */
export function simulation(seed: number, options?: SimulationOptions): Simulation {
  return new Simulation(seed, options)
}
