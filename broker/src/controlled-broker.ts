import type { BrokerConfig } from '@rocketcluster/config'
import { brokerRequests, encodeHost, printHost } from '@rocketcluster/protocol'
import { RemotingClient } from '@rocketcluster/remoting'
import { parseAddress } from '@rocketcluster/remoting/internal'
import type { TlsServerOptions, World } from '@rocketcluster/world'
import { Broker, type Role } from './broker.ts'
import { Configuration } from './configuration.ts'
import { ControlledMaster } from './replication/control/controlled-master.ts'
import { ControlledMember } from './replication/control/controlled-member.ts'
import { ControlledSlave } from './replication/control/controlled-slave.ts'
import { MemberFile } from './replication/control/member-file.ts'
import type { GroupRole } from './replication/control/membership.ts'
import { EpochFile } from './replication/epoch/epoch-file.ts'
import { markForEmptying } from './store/emptied-store.ts'
import { Store } from './store/store.ts'
import { storeConfigOf } from './store-config-of.ts'

/** Between two attempts to take a role: a deposed master may still hold the group's port for a moment. */
const RETRY_MS = 20
/** How often another member is looked at. */
const LOOK_MS = 5
/** How long a deposed master keeps its clients' connections for the next one to be there. */
const SUCCESSOR_MS = 500
/** Said again so often while it goes on. */
const SAY_AGAIN_MS = 10_000
/** How long a master that leaves waits for another one to take over. */
const HAND_OVER_MS = 3000

export interface ControlledBrokerOptions {
  readonly config: BrokerConfig
  readonly tls?: TlsServerOptions
  /** See `BrokerOptions`. */
  readonly physicalMemoryBytes: number
  /** See `MemberFileOptions`. */
  readonly machineBootId: string
}

/** What a member does now. */
interface Serving {
  readonly broker: Broker
  /** Undefined for a slave. */
  readonly masterEpoch: number | undefined
  readonly replication: ControlledMaster | ControlledSlave
}

/**
 * A broker in a group whose master a controller chooses: one store, which it serves as master or as slave, as the record says. A
 * change between the two starts the broker anew over the store that is open; a log that has to be cut, or begun anew, is opened
 * anew.
 */
export class ControlledBroker {
  readonly #world: World
  readonly #options: ControlledBrokerOptions
  readonly #configuration: Configuration
  readonly #address: string
  #store!: Store
  #epochs!: EpochFile
  #member!: ControlledMember
  #memberClient!: RemotingClient
  #serving: Serving | undefined
  /** The last one that served: for metrics while nobody does. */
  #last: Broker | undefined
  #role: GroupRole = { kind: 'waiting', why: 'no controller has answered yet' }
  #turning: Promise<void> | undefined
  #turnAgain = false
  #stopping = false
  /** What has to be done to the store before the next role. */
  #truncateTo: number | undefined
  #mustEmpty = false

  /** Resolves when it serves, as a slave at first. Throws as `Broker.start`. */
  static async start(world: World, options: ControlledBrokerOptions): Promise<ControlledBroker> {
    const broker = new ControlledBroker(world, options)
    await broker.#open()
    try {
      await broker.#serve()
    } catch (error) {
      await broker.#close()
      throw error
    }
    broker.#member.start()
    return broker
  }

  private constructor(world: World, options: ControlledBrokerOptions) {
    this.#world = world
    this.#options = options
    this.#configuration = new Configuration(world.disk, options.config)
    const { brokerIP1, listenPort } = options.config
    this.#address = printHost({ address: brokerIP1, port: listenPort })
  }

  /** The one that serves, or served last. */
  get current(): Broker {
    return this.#last!
  }

  /** True when every name server has this broker in its present role. */
  get ready(): boolean {
    const { kind } = this.#role
    const servesIt = kind === 'master' ? this.#serving?.masterEpoch !== undefined : this.#serving !== undefined
    return servesIt && this.#serving!.broker.ready
  }

  /** What it is, for people. */
  get role(): GroupRole {
    return this.#role
  }

  /** A master hands over first, when another member can be master. As `Broker.stop` otherwise. */
  async stop(): Promise<void> {
    if (this.#role.kind === 'master' && this.#serving?.masterEpoch === this.#role.epoch)
      await this.#handOver(this.#serving)
    this.#stopping = true
    await this.#turning
    await this.#member.stop()
    await this.#serving?.broker.stop()
    await this.#close()
  }

  /** What was accepted is answered first, what comes meanwhile waits; then another one is elected, without this one in the set. */
  async #handOver({ broker }: Serving): Promise<void> {
    const { clock } = this.#world
    const dueMs = clock.monotonicMs() + HAND_OVER_MS
    await broker.hold()
    if (!(await this.#member.handOver())) {
      broker.letGo()
      return
    }
    while (this.#serving?.masterEpoch !== undefined && clock.monotonicMs() < dueMs) await clock.sleep(LOOK_MS)
  }

  /** Resolves when whom the record names serves as master, or after a moment; at once when it names nobody. */
  async #successorServes(): Promise<void> {
    const { clock } = this.#world
    const dueMs = clock.monotonicMs() + SUCCESSOR_MS
    while (this.#role.kind === 'slave' && clock.monotonicMs() < dueMs) {
      const status = await this.#memberClient
        .invoke(this.#role.master.address, brokerRequests.getBrokerHaStatus, {}, { timeoutMs: SUCCESSOR_MS })
        .catch(() => undefined)
      if (status?.body?.master) return
      await clock.sleep(LOOK_MS)
    }
  }

  async #open(): Promise<void> {
    const world = this.#world
    const config = this.#configuration.current
    const { physicalMemoryBytes, machineBootId } = this.#options
    const root = config.storePathRootDir
    // Its messages are found at the group's address.
    const { host, port } = parseAddress(config.groupAddress || this.#address)
    const storeHost = encodeHost(isNumeric(host) ? host : config.brokerIP1, port)
    let file!: MemberFile
    this.#store = await Store.open(world, storeConfigOf(config, storeHost, physicalMemoryBytes), {
      gated: true,
      truncateTo: this.#truncateTo,
      // Only who holds the directory may write this.
      locked: async () => {
        file = await MemberFile.open(world, {
          root,
          commitLogDirectory: config.storePathCommitLog,
          asyncFlush: config.flushDiskType === 'ASYNC_FLUSH',
          machineBootId,
        })
      },
    })
    this.#truncateTo = undefined
    this.#epochs = await EpochFile.open(world.disk, root)
    // A crash, or a cut, may have taken the end of the log.
    this.#epochs.history.truncateTo(this.#store.maxPhysicalOffset)
    await this.#epochs.save()
    this.#memberClient = new RemotingClient(world, {})
    this.#member = new ControlledMember(world, {
      config,
      file,
      client: this.#memberClient,
      address: this.#address,
      log: () => ({
        epoch: this.#epochs.history.last?.epoch ?? -1,
        end: this.#store.durableOffset,
        confirmed: this.#store.readableOffset,
      }),
      onRole: role => this.#become(role),
    })
  }

  async #close(): Promise<void> {
    await this.#memberClient.close()
    await this.#store.close()
  }

  #become(role: GroupRole): void {
    const before = this.#role
    this.#role = role
    if (before.kind !== role.kind || (role.kind === 'waiting' && before.kind === 'waiting' && before.why !== role.why))
      this.#world.log.info(
        role.kind === 'waiting' ? { why: role.why } : { epoch: role.record.masterEpoch, why: role.record.change },
        `this broker's role: ${role.kind}`,
      )
    // Whoever is not master any more must not confirm anything, whatever else it takes to step down.
    if (this.#serving?.masterEpoch !== undefined && !isStillMaster(role, this.#serving.masterEpoch))
      this.#store.refuseWrites('this broker is not the master of its group any more')
    this.#turn()
  }

  /** Makes what is served what it should be; one turn at a time. */
  #turn(): void {
    this.#turnAgain = true
    this.#turning ??= this.#turnUntilDone().finally(() => {
      this.#turning = undefined
      if (this.#turnAgain && !this.#stopping) this.#turn()
    })
  }

  async #turnUntilDone(): Promise<void> {
    const { clock, log } = this.#world
    let saidMs = Number.NEGATIVE_INFINITY
    while (this.#turnAgain && !this.#stopping) {
      this.#turnAgain = false
      try {
        await this.#turnOnce()
      } catch (error) {
        if (clock.monotonicMs() - saidMs >= SAY_AGAIN_MS) {
          log.error({ error, role: this.#role.kind }, 'this broker cannot take its role yet; trying again')
          saidMs = clock.monotonicMs()
        }
        this.#turnAgain = true
        await clock.sleep(RETRY_MS)
      }
    }
  }

  async #turnOnce(): Promise<void> {
    const role = this.#role
    const serving = this.#serving
    const asMaster = serving?.masterEpoch
    if (role.kind === 'master' && asMaster === role.epoch) {
      ;(serving!.replication as ControlledMaster).learn(role)
      return
    }
    const mustReopen = this.#mustEmpty || this.#truncateTo !== undefined
    if (serving !== undefined && (mustReopen || asMaster !== undefined || role.kind === 'master')) {
      this.#serving = undefined
      await serving.broker.stopForRole(asMaster === undefined ? undefined : this.#successorServes())
    }
    if (mustReopen) await this.#reopen()
    if (this.#serving === undefined) await this.#serve()
    if (role.kind !== 'master')
      (this.#serving!.replication as ControlledSlave).follow(role.kind === 'slave' ? role.master : undefined)
  }

  async #reopen(): Promise<void> {
    const { log, disk } = this.#world
    const truncateTo = this.#truncateTo
    await this.#member.stop()
    await this.#close()
    if (this.#mustEmpty) {
      log.warn({}, 'the store is emptied, to be taken over anew from the master')
      this.#truncateTo = undefined
      await markForEmptying(disk, this.#configuration.current.storePathRootDir)
    } else log.warn({ truncateTo }, 'what this member has and the master has not is cut off')
    await this.#open()
    this.#mustEmpty = false
    this.#member.start()
    this.#role = this.#member.role
    this.#turnAgain = true
  }

  async #serve(): Promise<void> {
    const role = this.#role
    const { tls, physicalMemoryBytes } = this.#options
    const config = this.#configuration.current
    const masterEpoch = role.kind === 'master' ? role.epoch : undefined
    const names = {
      brokerRole: masterEpoch === undefined ? 'SLAVE' : config.allAckInSyncStateSet ? 'SYNC_MASTER' : 'ASYNC_MASTER',
    } as const
    Object.assign(config, names)
    let replication: ControlledMaster | ControlledSlave | undefined
    const broker = await Broker.start(this.#world, {
      config,
      tls,
      physicalMemoryBytes,
      store: this.#store,
      configuration: this.#configuration,
      role: {
        masterEpoch,
        startReplication: async parts => {
          replication =
            role.kind === 'master'
              ? await ControlledMaster.start(parts, this.#member, this.#epochs, role)
              : new ControlledSlave(parts, {
                  member: this.#member,
                  epochs: this.#epochs,
                  onTruncate: offset => {
                    this.#truncateTo = offset
                    this.#turn()
                  },
                  onTooFarBehind: () => {
                    this.#mustEmpty = true
                    this.#turn()
                  },
                })
          return replication
        },
      } satisfies Role,
    })
    this.#last = broker
    this.#serving = { broker, masterEpoch, replication: replication! }
  }
}

const isStillMaster = (role: GroupRole, epoch: number) => role.kind === 'master' && role.epoch === epoch

const isNumeric = (host: string) => /^[\d.]+$|:/.test(host)
