import type { Broker } from '@rocketcluster/broker'
import type { SimRandom } from '@rocketcluster/world/sim'
import { type Cluster, type Member, NORMAL_LATENCY, STORE_DIRECTORY } from './cluster.ts'
import type { Load } from './load.ts'

/** What a fault needs to strike. */
export interface Scene {
  readonly cluster: Cluster
  readonly load: Load
  readonly random: SimRandom
}

/** A fault that has struck: what the story says, and what ends it. */
export interface Struck {
  readonly text: string
  /** Absent when the fault is over at once. */
  readonly end?: () => void
}

export interface Fault {
  readonly name: string
  /** Against the weights of the others. */
  readonly weight: number
  /** Only under the durability that promises to survive it. */
  readonly onlyWith?: 'SYNC_FLUSH'
  /** undefined when there is nothing to strike at this moment. */
  strike(scene: Scene): Struck | undefined
}

const BALLAST = '/ballast'
const LEFT_FREE_BYTES = 3 * 4096

const up = <P>(members: readonly Member<P>[], random: SimRandom): Member<P> | undefined => {
  const running = members.filter(({ program }) => program)
  return running.length > 0 ? random.pick(running) : undefined
}

/** Down until the fault ends; the supervisor starts it again. */
function down<P>(member: Member<P>, text: string): Struck {
  member.held = true
  return {
    text: `${member.name} ${text}`,
    end: () => {
      member.held = false
    },
  }
}

function killed(name: string, members: (scene: Scene) => readonly Member<unknown>[], weight: number): Fault {
  return {
    name,
    weight,
    strike: scene => {
      // Also one that is just starting: recovery must survive it too.
      const member = scene.random.pick(members(scene))
      if (!member.host.isRunning) return undefined
      scene.cluster.kill(member)
      return down(member, 'is killed')
    },
  }
}

function cutOff(name: string, members: (scene: Scene) => readonly Member<unknown>[], weight: number): Fault {
  return {
    name,
    weight,
    strike: scene => {
      const member = scene.random.pick(members(scene))
      if (!member.host.isRunning) return undefined
      scene.cluster.powerCut(member)
      return down(member, 'loses power')
    },
  }
}

function disk(name: string, weight: number, harm: (broker: Member<Broker>, random: SimRandom) => Struck): Fault {
  return { name, weight, strike: ({ cluster, random }) => harm(random.pick(cluster.brokers), random) }
}

const brokers = ({ cluster }: Scene) => cluster.brokers
const nameServers = ({ cluster }: Scene) => cluster.nameServers

/** Two machines that talk to each other in a cluster. */
function pair({ cluster, load, random }: Scene): [string, string] {
  const clients = load.hosts
  const names = cluster.nameServers.map(({ name }) => name)
  const stores = cluster.brokers.map(({ name }) => name)
  return random.pick([
    [random.pick(clients), random.pick(stores)],
    [random.pick(clients), random.pick(names)],
    [random.pick(stores), random.pick(names)],
  ])
}

export const faults: readonly Fault[] = [
  killed('kill broker', brokers, 5),
  { ...cutOff('power cut broker', brokers, 8), onlyWith: 'SYNC_FLUSH' },
  killed('kill name server', nameServers, 2),
  cutOff('power cut name server', nameServers, 2),
  {
    name: 'terminate broker',
    weight: 3,
    strike: ({ cluster, random }) => {
      const member = up(cluster.brokers, random)
      if (!member) return undefined
      void cluster.terminate(member)
      return down(member, 'gets SIGTERM')
    },
  },
  {
    name: 'terminate name server',
    weight: 1,
    strike: ({ cluster, random }) => {
      const member = up(cluster.nameServers, random)
      if (!member) return undefined
      void cluster.terminate(member)
      return down(member, 'gets SIGTERM')
    },
  },
  {
    name: 'kill consumer',
    weight: 2,
    strike: ({ load, random }) => {
      void load.killConsumer(random, random.int(4000))
      return { text: 'a consumer is killed' }
    },
  },
  disk('slow disk', 3, ({ name, latency }, random) => {
    const factor = random.pick([10, 50, 300])
    latency.io = [NORMAL_LATENCY.io[0] * factor, NORMAL_LATENCY.io[1] * factor]
    latency.sync = [NORMAL_LATENCY.sync[0] * factor, NORMAL_LATENCY.sync[1] * factor]
    return {
      text: `${name}'s disk is ${factor} times slower`,
      end: () => {
        latency.io = [...NORMAL_LATENCY.io]
        latency.sync = [...NORMAL_LATENCY.sync]
      },
    }
  }),
  disk('full disk', 4, ({ name, host: { disk } }) => {
    if (!disk.find(BALLAST, 'find')) {
      const { pages } = disk.create(BALLAST, 'fill', 0)
      pages.write(Buffer.alloc(Math.max(0, disk.freeBytes - LEFT_FREE_BYTES), 1), 0)
    }
    return {
      text: `${name}'s disk is full`,
      end: () => {
        disk.remove(BALLAST)
        // For good: the next power cut must not bring it back.
        disk.syncDirectory('/')
      },
    }
  }),
  disk('disk refuses to grow', 3, ({ name, host }, random) => {
    const probability = random.pick([0.05, 0.5, 1])
    const end = host.disk.fail({
      on: ['write', 'truncate', 'open'],
      path: STORE_DIRECTORY,
      code: 'ENOSPC',
      probability,
    })
    return { text: `${name}'s disk says ENOSPC to ${probability * 100} % of writes`, end }
  }),
  disk('EIO on write', 2, ({ name, host }, random) => {
    const times = 1 + random.int(3)
    const path = `${STORE_DIRECTORY}/${random.pick(['commitlog', 'consumequeue', 'config', 'index', ''])}`
    return {
      text: `${name}'s disk fails ${times} writes below ${path}`,
      end: host.disk.fail({ on: 'write', path, times }),
    }
  }),
  {
    ...disk('EIO on sync', 2, ({ name, host }, random) => {
      const times = 1 + random.int(3)
      const path = `${STORE_DIRECTORY}/${random.pick(['commitlog', 'consumequeue', 'config', 'index', ''])}`
      const end = host.disk.fail({ on: ['sync', 'syncDirectory'], path, times })
      return { text: `${name}'s disk fails ${times} syncs below ${path}`, end }
    }),
    // A kernel may drop what it could not sync: with ASYNC_FLUSH that was acknowledged already.
    onlyWith: 'SYNC_FLUSH',
  },
  disk('EIO on read', 2, ({ name, host }, random) => {
    const probability = random.pick([0.1, 1])
    const end = host.disk.fail({ on: 'read', path: STORE_DIRECTORY, probability })
    return { text: `${name}'s disk fails ${probability * 100} % of reads`, end }
  }),
  {
    name: 'partition',
    weight: 3,
    strike: scene => {
      const [a, b] = pair(scene)
      scene.cluster.sim.network.partition(a, b)
      return { text: `${a} and ${b} do not hear each other`, end: () => scene.cluster.sim.network.heal(a, b) }
    },
  },
  {
    name: 'one-way partition',
    weight: 3,
    strike: scene => {
      const [a, b] = scene.random.chance(0.5) ? pair(scene) : pair(scene).reverse()
      scene.cluster.sim.network.partition(a!, b!, { oneWay: true })
      return { text: `nothing gets from ${a} to ${b}`, end: () => scene.cluster.sim.network.heal(a, b) }
    },
  },
  {
    name: 'isolation',
    weight: 2,
    strike: scene => {
      const [a, b] = pair(scene)
      const name = scene.random.pick([a, b])
      scene.cluster.sim.network.isolate(name)
      return { text: `${name} is cut off from all`, end: () => scene.cluster.sim.network.heal(name) }
    },
  },
  {
    name: 'cut connections',
    weight: 3,
    strike: scene => {
      const [a, b] = pair(scene)
      scene.cluster.sim.network.cut(a, b)
      return { text: `connections between ${a} and ${b} are reset` }
    },
  },
  {
    name: 'silent connections',
    weight: 3,
    strike: scene => {
      const [a, b] = pair(scene)
      scene.cluster.sim.network.silence(a, b)
      return { text: `connections between ${a} and ${b} fall silent` }
    },
  },
  {
    name: 'slow network',
    weight: 2,
    strike: ({ cluster, random }) => {
      const factor = random.pick([20, 200])
      cluster.sim.network.congest(factor)
      return { text: `the network is ${factor} times slower`, end: () => cluster.sim.network.congest(1) }
    },
  },
  {
    name: 'clock jump',
    weight: 3,
    strike: ({ cluster, random }) => {
      const { name, host } = random.pick([...cluster.brokers, ...cluster.nameServers])
      // Not past the hours for which messages are kept: they would rightly be deleted.
      const byMs = Math.round(random.between(-1, 1) * random.pick([100, 10_000, 3_600_000]))
      host.jumpClock(byMs)
      return { text: `${name}'s clock jumps by ${byMs} ms` }
    },
  },
]

/** One of the faults that this durability promises to survive, by weight. */
export function pickFault(random: SimRandom, flushDiskType: string): Fault {
  const allowed = faults.filter(({ onlyWith }) => onlyWith === undefined || onlyWith === flushDiskType)
  let at = random.next() * allowed.reduce((sum, { weight }) => sum + weight, 0)
  for (const fault of allowed) {
    at -= fault.weight
    if (at < 0) return fault
  }
  return allowed.at(-1)!
}
