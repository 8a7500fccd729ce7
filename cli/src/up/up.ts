import { readFileSync } from 'node:fs'
import { createServer, isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  isControlled,
  NODE_FLAGS,
  processesOf,
  type RenderedCluster,
  type RenderedProcess,
  renderRocketCluster,
} from '@rocketcluster/config'
import { ManifestError, parseRocketCluster, type RocketCluster } from '@rocketcluster/crds'
import type { DiskLock } from '@rocketcluster/world'
import { nodeDisk } from '@rocketcluster/world/node'
import { CommandError, command, oneWord, type Terminal, UsageError, wholeNumber } from '../command.ts'
import { DataDirectory, DEFAULT_DATA_ROOT, type RunningCluster } from './data-directory.ts'
import { GroupWatch } from './group-watch.ts'
import { choosePorts, firstTaken, type PortPlan, portCount, portsFrom } from './ports.ts'
import { jsonReport, quote, type Report, textReport } from './report.ts'
import { Supervisor } from './supervisor.ts'

/** The sources lie in their packages, the bundles that ship beside one another. */
const program = (name: string) =>
  fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? `../../../${name}/src/main.ts` : `./${name}.js`, import.meta.url),
  )

/** Programs by kind of process. */
const PROGRAMS = {
  nameserver: program('nameserver'),
  controller: program('controller'),
  broker: program('broker'),
} as const

const POLL_MS = 25
/** A process that dies so often before the cluster is ready will not get better by itself. */
const HOPELESS_DEATHS = 3
const LAST_RUN_PATIENCE_MS = 10_000
/** Brokers get most of the ten seconds that a stop may take: they have messages to bring to disk. */
const BROKER_PATIENCE_MS = 7000
const OTHERS_PATIENCE_MS = 1500

export const up = command({
  name: 'up',
  summary: 'run a RocketCluster manifest as processes on this machine',
  options: {
    file: { type: 'string', short: 'f', value: 'FILE', required: true, help: 'the manifest; - is standard input' },
    data: {
      type: 'string',
      value: 'DIR',
      help: `where messages, configuration and logs go (default ${DEFAULT_DATA_ROOT}/<cluster>)`,
    },
    port: {
      type: 'string',
      value: 'BASE',
      help: 'the first name server listens here and everything else on the ports after it; default are the ports of last time, else the well-known 9876 and 10911, else free ones',
    },
    host: {
      type: 'string',
      value: 'ADDRESS',
      default: '127.0.0.1',
      help: 'address that clients reach this machine at',
    },
    output: {
      type: 'string',
      short: 'o',
      value: 'text|json',
      default: 'text',
      help: 'json prints one line when clients can send and receive',
    },
    timeout: { type: 'string', value: 'SECONDS', default: '60', help: 'give up when the cluster is not ready by then' },
    verbose: { type: 'boolean', short: 'v', help: "show the processes' logs on standard error" },
  },
  examples: [
    'rocketcluster up -f examples/quickstart.yaml',
    'rocketcluster up -f examples/several-masters.yaml --data /tmp/rocketcluster --port 19876 --output json',
  ],
  async run(values, terminal) {
    const output = oneWord('output', values.output, ['text', 'json'])
    const host = values.host === 'localhost' ? '127.0.0.1' : values.host
    if (isIP(host) === 0)
      throw new UsageError(`--host is "${host}"; allowed is an IP address of this machine: it stands in every message`)
    const timeoutMs = wholeNumber('timeout', values.timeout, 1, 3600) * 1000
    const base = values.port === undefined ? undefined : wholeNumber('port', values.port, 1, 65_535)
    const cluster = readManifest(values.file)
    const directory = await DataDirectory.take(
      resolve(values.data ?? join(DEFAULT_DATA_ROOT, cluster.metadata.name)),
      cluster.metadata.name,
    )
    const wellKnown = new WellKnownPorts()
    try {
      await lastRunIsOver(cluster, directory)
      const ports = await portsOf(cluster, base, directory, wellKnown)
      const rendered = render(cluster, ports, directory, host)
      directory.remember(cluster.metadata.name, ports)
      const report = output === 'json' ? jsonReport(terminal) : textReport(terminal)
      for (const warning of rendered.warnings) report.warning(warning)
      return await runCluster(cluster, rendered, directory, { report, terminal, timeoutMs, verbose: values.verbose })
    } finally {
      await directory.release()
      await wellKnown.release()
    }
  },
})

function readManifest(file: string): RocketCluster {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : (error as Error).message
    throw new CommandError(`${file} cannot be read: ${why}`)
  }
  try {
    const cluster = parseRocketCluster(text)
    // Only to see what is wrong before anything is made on disk: places do not matter to that.
    renderRocketCluster(cluster, () => ({
      host: '127.0.0.1',
      bindAddress: '127.0.0.1',
      listenPort: 10,
      metricsPort: 20,
      directory: '/',
    }))
    return cluster
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error
    throw new CommandError(`${file} is not a RocketCluster that can run:\n  ${error.message.replaceAll('\n', '\n  ')}`)
  }
}

/**
 * After `kill -9` of the last run its processes notice and stop, which takes them a moment; their ports and stores are
 * not free before. Throws CommandError when they take too long.
 */
async function lastRunIsOver(cluster: RocketCluster, directory: DataDirectory): Promise<void> {
  if (!directory.endedAbruptly) return
  const processes = processesOf(cluster).filter(({ name }) => directory.lastPorts?.[name] !== undefined)
  const stores = processes.filter(({ kind }) => kind === 'broker').map(({ name }) => name)
  const dueMs = performance.now() + LAST_RUN_PATIENCE_MS
  for (;;) {
    const [busy] = await directory.stillInUse(stores)
    if (busy === undefined && !(await firstTaken(directory.lastPorts ?? {}, processes, portIsFree))) return
    if (performance.now() > dueMs) {
      // Ports may by now belong to anybody; a store that is locked cannot be opened.
      if (busy === undefined) return
      throw new CommandError(`${busy} of the last run still runs in ${directory.path}/${busy}; stop that process first`)
    }
    await sleep(POLL_MS)
  }
}

async function portsOf(
  cluster: RocketCluster,
  base: number | undefined,
  directory: DataDirectory,
  wellKnown: WellKnownPorts,
): Promise<PortPlan> {
  const processes = processesOf(cluster)
  if (base === undefined) {
    const plan = await choosePorts(processes, directory.lastPorts, () => wellKnown.take(), portIsFree, Math.random)
    if (!plan)
      throw new CommandError(`there are not ${portCount(processes)} free ports in a row between 20000 and 32000`)
    return plan
  }
  const last = base + portCount(processes) - 1
  if (last > 65_535) {
    throw new CommandError(
      `--port ${base} is too high: ${processes.length} processes take the ports up to ${last}; allowed is up to ${65_535 - portCount(processes) + 1}`,
    )
  }
  const plan = portsFrom(base, processes)
  const taken = await firstTaken(plan, processes, portIsFree)
  if (taken)
    throw new CommandError(
      `port ${taken.port}, which ${taken.name} would have with --port ${base}, is in use; give another base or leave --port out`,
    )
  return plan
}

function render(cluster: RocketCluster, ports: PortPlan, directory: DataDirectory, host: string): RenderedCluster {
  const isLoopback = host === '::1' || host.startsWith('127.')
  return renderRocketCluster(cluster, process => ({
    host,
    // What others on the network should reach listens to them; nothing else does.
    bindAddress: isLoopback ? host : isIP(host) === 6 ? '::' : '0.0.0.0',
    listenPort: ports[process.name]!.listenPort,
    metricsPort: ports[process.name]!.metricsPort,
    ...(isControlled(process) && { groupListenPort: ports[process.brokerName!]!.listenPort }),
    directory: directory.processDirectory(process.name),
  }))
}

interface Run {
  readonly report: Report
  readonly terminal: Terminal
  readonly timeoutMs: number
  readonly verbose: boolean
}

async function runCluster(
  cluster: RocketCluster,
  { processes }: RenderedCluster,
  directory: DataDirectory,
  run: Run,
): Promise<number> {
  const { report, terminal } = run
  const { stop } = terminal
  /** Set while the cluster starts: what makes going on pointless. */
  let hopeless: string | undefined
  let isReady = false
  const supervisor = new Supervisor(
    event => {
      report.event(event, directory.logFile(event.name))
      if (event.kind === 'started' && isReady) directory.announce(running(cluster, processes, supervisor))
      if (event.kind === 'died' && event.deaths >= HOPELESS_DEATHS && !isReady) {
        hopeless = `${event.name} died ${event.deaths} times (${event.how}); its log ${directory.logFile(event.name)} ends:\n${quote(event.lastLines)}`
      }
    },
    run.verbose ? (name, line) => terminal.err(`${name} | ${line}\n`) : undefined,
  )
  const lastResort = () => supervisor.kill()
  process.once('exit', lastResort)
  let closeProbe = async () => {}
  const startedMs = performance.now()
  const brokers = processes.filter(({ kind }) => kind === 'broker')
  const others = processes.filter(({ kind }) => kind !== 'broker')
  const start = (process: RenderedProcess) => {
    const conf = directory.writeConf(process.name, process.conf)
    supervisor.start({
      name: process.name,
      args: [...NODE_FLAGS, PROGRAMS[process.kind], '-c', conf],
      logFile: directory.logFile(process.name),
    })
  }
  const until = async (nothingIsMissing: () => Promise<string | undefined>) => {
    for (;;) {
      const missing = await nothingIsMissing()
      if (missing === undefined || stop.aborted) return
      if (hopeless !== undefined) throw new CommandError(hopeless)
      if (performance.now() - startedMs > run.timeoutMs) {
        throw new CommandError(
          `the cluster is not ready after ${run.timeoutMs / 1000} s: ${missing}; logs are in ${directory.path}/logs`,
        )
      }
      await sleep(POLL_MS)
    }
  }

  try {
    report.starting(cluster, processes)
    others.forEach(start)
    // Loaded while they start.
    const { answers, openProbe, waitingFor } = await import('./readiness.ts')
    const client = openProbe()
    closeProbe = () => client.close()
    // A broker that finds no name server, or no controller, tries again a second later: worth a moment's wait here.
    await until(async () => {
      const answering = await Promise.all(others.map(process => answers(client, process)))
      const silent = others.find((_, i) => !answering[i])
      return silent && `${silent.name} does not answer yet`
    })
    if (!stop.aborted) brokers.forEach(start)
    await until(() => (stop.aborted ? Promise.resolve(undefined) : waitingFor(client, processes)))
    if (!stop.aborted) {
      isReady = true
      const now = running(cluster, processes, supervisor)
      directory.announce(now)
      report.ready(now, {
        tookMs: performance.now() - startedMs,
        directory: shortPath(directory.path),
      })
      const watch = new GroupWatch({
        client,
        processes,
        onMaster: (brokerName, master, { masterEpoch, change }) =>
          report.master(brokerName, master, masterEpoch, change),
        onStuck: name => {
          report.stuck(name)
          supervisor.killOne(name)
        },
      })
      watch.start()
      await stopped(stop, () => report.tick(supervisor.running, processes.length))
      await watch.stop()
    }
    return 0
  } finally {
    await closeProbe()
    report.stopping()
    // Brokers first: they say goodbye to name servers that are still there, and clients then find no route to them.
    const killed = [
      ...(await supervisor.stop(
        brokers.map(({ name }) => name),
        BROKER_PATIENCE_MS,
      )),
      ...(await supervisor.stop(
        others.map(({ name }) => name),
        OTHERS_PATIENCE_MS,
      )),
    ]
    process.removeListener('exit', lastResort)
    report.stopped(killed)
  }
}

/** Resolves when the signal is aborted; meanwhile calls `tick` every second. */
async function stopped(stop: AbortSignal, tick: () => void): Promise<void> {
  while (!stop.aborted) {
    tick()
    await sleep(1000, undefined, { signal: stop }).catch(() => {})
  }
}

function running(
  cluster: RocketCluster,
  processes: readonly RenderedProcess[],
  supervisor: Supervisor,
): RunningCluster {
  return {
    cluster: cluster.metadata.name,
    nameServers: processes.filter(({ kind }) => kind === 'nameserver').map(({ address }) => address),
    processes: processes.map(({ kind, name, brokerName, brokerId, address, groupAddress, placement }) => ({
      kind,
      name,
      brokerName: brokerName ?? null,
      brokerId: brokerId ?? null,
      address,
      groupAddress: groupAddress ?? null,
      metrics: `http://${placement.host.includes(':') ? `[${placement.host}]` : placement.host}:${placement.metricsPort}/metrics`,
      pid: supervisor.pid(name) ?? null,
      dataDir: placement.directory,
    })),
  }
}

/** As a user here would type it. */
function shortPath(path: string): string {
  const below = relative(process.cwd(), path)
  return below === '' || below.startsWith('..') ? path : below
}

function portIsFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    // On all interfaces: a listener on any of them is in the way.
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/**
 * Two clusters that start at the same time would both find RocketMQ's well-known ports free. Whoever holds this lock may
 * have them, until it stops.
 */
class WellKnownPorts {
  #lock: DiskLock | undefined

  async take(): Promise<boolean> {
    if (this.#lock) return true
    try {
      this.#lock = await nodeDisk.lock(join(tmpdir(), 'rocketcluster-9876.lock'))
      return true
    } catch {
      // Held, or a file of another user's: then the ports are not ours to take.
      return false
    }
  }

  async release(): Promise<void> {
    await this.#lock?.release()
    this.#lock = undefined
  }
}
