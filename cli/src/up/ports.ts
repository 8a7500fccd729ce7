import type { ProcessIdentity } from '@rocketcluster/config'

/** The ports of one process. A broker also takes the fast port, two below, and the replication port, one above. */
export interface Ports {
  readonly listenPort: number
  readonly metricsPort: number
}

export type PortPlan = Readonly<Record<string, Ports>>

/** RocketMQ's own ports: the first name server, and the fast port of the first broker. */
const NAME_SERVER_PORT = 9876
const FIRST_BROKER_BLOCK = 10_909
/** Between the well-known ports and those that Linux gives to outgoing connections (32768 and up). */
const FREE_FROM = 20_000
const FREE_TO = 32_000

/** A broker's block: fast port, metrics, the port itself, replication. */
const BROKER_BLOCK = 4

/** Name servers from `nameServers` on, then broker blocks from `brokers` on, then the name servers' metrics from `metrics` on. */
function lay(processes: readonly ProcessIdentity[], nameServers: number, brokers: number, metrics: number): PortPlan {
  const plan: Record<string, Ports> = {}
  let nextBlock = brokers
  let n = 0
  for (const { kind, name } of processes) {
    if (kind === 'nameserver') {
      plan[name] = { listenPort: nameServers + n, metricsPort: metrics + n }
      n++
    } else {
      plan[name] = { listenPort: nextBlock + 2, metricsPort: nextBlock + 1 }
      nextBlock += BROKER_BLOCK
    }
  }
  return plan
}

/** With `--port BASE`: the first name server on BASE, everything else on the ports after it, without gaps. */
export function portsFrom(base: number, processes: readonly ProcessIdentity[]): PortPlan {
  const nameServers = processes.filter(({ kind }) => kind === 'nameserver').length
  return lay(processes, base, base + 2 * nameServers, base + nameServers)
}

/** How many ports `portsFrom` uses. */
export function portCount(processes: readonly ProcessIdentity[]): number {
  const nameServers = processes.filter(({ kind }) => kind === 'nameserver').length
  return 2 * nameServers + BROKER_BLOCK * (processes.length - nameServers)
}

/** RocketMQ's own ports, so that a client with its defaults finds the cluster. */
export function wellKnownPorts(processes: readonly ProcessIdentity[]): PortPlan {
  const nameServers = processes.filter(({ kind }) => kind === 'nameserver').length
  return lay(processes, NAME_SERVER_PORT, FIRST_BROKER_BLOCK, NAME_SERVER_PORT + nameServers)
}

/** Every port that the processes of a plan open, each with the process it belongs to. */
export function allPorts(plan: PortPlan, processes: readonly ProcessIdentity[]): Map<number, string> {
  const ports = new Map<number, string>()
  for (const { kind, name } of processes) {
    const { listenPort, metricsPort } = plan[name]!
    const own =
      kind === 'broker' ? [listenPort - 2, metricsPort, listenPort, listenPort + 1] : [listenPort, metricsPort]
    for (const port of own) ports.set(port, name)
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
  const knowsAll = last !== undefined && processes.every(({ name }) => last[name] !== undefined)
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
