import { isControlled, type ProcessIdentity } from '@rocketcluster/config'

/** The ports of one process. A broker also takes the fast port, two below, and the replication port, one above. */
export interface Ports {
  readonly listenPort: number
  readonly metricsPort: number
}

/** By name of a process; and by name of a group with members to choose from, where clients find its master. */
export type PortPlan = Readonly<Record<string, Ports>>

/** RocketMQ's own ports: the first name server, and the fast port of the first broker. */
const NAME_SERVER_PORT = 9876
const FIRST_BROKER_BLOCK = 10_909
/** Between the well-known ports and those that Linux gives to outgoing connections (32768 and up). */
const FREE_FROM = 20_000
const FREE_TO = 32_000

/** A broker's block: fast port, metrics, the port itself, replication. That of a group's master: fast port, one unused, the port. */
const BROKER_BLOCK = 4
const GROUP_BLOCK = 3

/** What has a port and its metrics on another: everything but brokers. */
const plainOnes = (processes: readonly ProcessIdentity[]) => processes.filter(({ kind }) => kind !== 'broker')

/** Groups whose master is chosen. */
const groupsOf = (processes: readonly ProcessIdentity[]) =>
  new Set(processes.filter(isControlled).map(({ brokerName }) => brokerName!))

/**
 * Name servers and controllers from `plain` on, then the brokers' blocks from `brokers` on, a group's before its members', then the
 * metrics of the first from `metrics` on.
 */
function lay(processes: readonly ProcessIdentity[], plain: number, brokers: number, metrics: number): PortPlan {
  const plan: Record<string, Ports> = {}
  let nextBlock = brokers
  let n = 0
  for (const process of processes) {
    const { kind, name, brokerName } = process
    if (kind !== 'broker') {
      plan[name] = { listenPort: plain + n, metricsPort: metrics + n }
      n++
      continue
    }
    if (isControlled(process) && plan[brokerName!] === undefined) {
      plan[brokerName!] = { listenPort: nextBlock + 2, metricsPort: nextBlock + 1 }
      nextBlock += GROUP_BLOCK
    }
    plan[name] = { listenPort: nextBlock + 2, metricsPort: nextBlock + 1 }
    nextBlock += BROKER_BLOCK
  }
  return plan
}

/** With `--port BASE`: the first name server on BASE, everything else on the ports after it, without gaps. */
export function portsFrom(base: number, processes: readonly ProcessIdentity[]): PortPlan {
  const count = plainOnes(processes).length
  return lay(processes, base, base + 2 * count, base + count)
}

/** How many ports `portsFrom` uses. */
export function portCount(processes: readonly ProcessIdentity[]): number {
  const plain = plainOnes(processes).length
  return 2 * plain + BROKER_BLOCK * (processes.length - plain) + GROUP_BLOCK * groupsOf(processes).size
}

/** RocketMQ's own ports, so that a client with its defaults finds the cluster. */
export function wellKnownPorts(processes: readonly ProcessIdentity[]): PortPlan {
  return lay(processes, NAME_SERVER_PORT, FIRST_BROKER_BLOCK, NAME_SERVER_PORT + plainOnes(processes).length)
}

/** Every port that the processes of a plan open, or could, each with the process or group it belongs to. */
export function allPorts(plan: PortPlan, processes: readonly ProcessIdentity[]): Map<number, string> {
  const ports = new Map<number, string>()
  for (const { kind, name } of processes) {
    const { listenPort, metricsPort } = plan[name]!
    const own =
      kind === 'broker' ? [listenPort - 2, metricsPort, listenPort, listenPort + 1] : [listenPort, metricsPort]
    for (const port of own) ports.set(port, name)
  }
  for (const name of groupsOf(processes)) {
    const { listenPort, metricsPort } = plan[name]!
    for (const port of [listenPort - 2, metricsPort, listenPort]) ports.set(port, name)
  }
  return ports
}

/** Whether somebody could listen there now. */
export type IsFree = (port: number) => Promise<boolean>

export async function firstTaken(
  plan: PortPlan,
  processes: readonly ProcessIdentity[],
  isFree: IsFree,
): Promise<{ port: number; name: string } | undefined> {
  for (const [port, name] of allPorts(plan, processes)) {
    if (port > 65_535 || !(await isFree(port))) return { port, name }
  }
  return undefined
}

/**
 * A plan whose ports are free: those of last time if they still are, so that clients find the cluster again; else
 * RocketMQ's own when this cluster may have them; else any.
 */
export async function choosePorts(
  processes: readonly ProcessIdentity[],
  last: PortPlan | undefined,
  mayUseWellKnown: () => Promise<boolean>,
  isFree: IsFree,
  random: () => number,
): Promise<PortPlan | undefined> {
  const names = [...processes.map(({ name }) => name), ...groupsOf(processes)]
  const knowsAll = last !== undefined && names.every(name => last[name] !== undefined)
  const wellKnown = wellKnownPorts(processes)
  // Last time's may be the well-known ones: those are never taken without asking.
  const lastIsWellKnown =
    knowsAll && processes.some(({ name }) => last[name]!.listenPort === wellKnown[name]!.listenPort)
  if (knowsAll && !lastIsWellKnown && !(await firstTaken(last, processes, isFree))) return last
  if (!(await firstTaken(wellKnown, processes, isFree)) && (await mayUseWellKnown())) return wellKnown
  const count = portCount(processes)
  for (let attempt = 0; attempt < 200; attempt++) {
    const base = FREE_FROM + Math.floor(random() * (FREE_TO - FREE_FROM - count))
    const plan = portsFrom(base, processes)
    if (!(await firstTaken(plan, processes, isFree))) return plan
  }
  return undefined
}
