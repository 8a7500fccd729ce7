import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CommandError, UsageError } from './command.ts'
import { DEFAULT_DATA_ROOT, type RunningCluster, runningIn } from './up/data-directory.ts'

/** The options by which the commands that talk to a cluster find it. */
export const clusterOptions = {
  'name-server': {
    type: 'string',
    short: 'n',
    value: 'HOST:PORT',
    help: 'name servers, several separated by ; (default NAMESRV_ADDR, else the cluster that "rocketcluster up" runs here)',
  },
  data: { type: 'string', value: 'DIR', help: 'the data directory that "rocketcluster up" was given' },
} as const

const ADDRESS = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:;[\]]+):\d{1,5}$/

/** What says where a cluster is. */
export interface ClusterValues {
  readonly 'name-server': string | undefined
  readonly data: string | undefined
}

/**
 * The name servers to ask, as `host:port`. What is said on the command line comes first, then NAMESRV_ADDR, then the one
 * cluster that runs below the current directory. Throws UsageError and CommandError.
 */
export async function findNameServers(
  values: ClusterValues,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  directory: string = process.cwd(),
): Promise<readonly string[]> {
  if (values['name-server'] !== undefined) return addresses('--name-server', values['name-server'])
  if (values.data === undefined && environment.NAMESRV_ADDR) return addresses('NAMESRV_ADDR', environment.NAMESRV_ADDR)
  return (await findRunning(values.data, directory)).nameServers
}

/** Where to ask about groups whose master is chosen. */
export interface Controllers {
  readonly addresses: readonly string[]
  /** Names of the groups; undefined when only the controllers are known. */
  readonly groups: readonly string[] | undefined
}

/**
 * The controllers of the command line, else of the cluster that runs in `data`, else of the one that runs below the current
 * directory. Throws UsageError and CommandError.
 */
export async function findControllers(
  values: { readonly controller: string | undefined; readonly data: string | undefined },
  directory: string = process.cwd(),
): Promise<Controllers> {
  if (values.controller !== undefined)
    return { addresses: addresses('--controller', values.controller), groups: undefined }
  return controllersOf(await findRunning(values.data, directory))
}

/** Of a cluster that runs here. */
export function controllersOf({ processes }: RunningCluster): Controllers {
  return {
    addresses: processes.filter(({ kind }) => kind === 'controller').map(({ address }) => address),
    groups: [...new Set(processes.filter(({ groupAddress }) => groupAddress).map(({ brokerName }) => brokerName!))],
  }
}

/** The cluster that runs in `data`, else the one below the current directory. Throws CommandError. */
export async function findRunning(
  data: string | undefined,
  directory: string = process.cwd(),
): Promise<RunningCluster> {
  if (data !== undefined) {
    const running = await runningIn(resolve(directory, data))
    if (!running)
      throw new CommandError(`no cluster runs in ${data}; start one with "rocketcluster up -f FILE --data ${data}"`)
    return running
  }
  const running = await runningBelow(resolve(directory, DEFAULT_DATA_ROOT))
  const [only, ...others] = running
  if (!only) {
    throw new CommandError(
      `no cluster runs below ./${DEFAULT_DATA_ROOT}; start one with "rocketcluster up -f FILE", or say where one is with --name-server HOST:PORT or --data DIR`,
    )
  }
  if (others.length > 0) {
    const choices = running.map(({ cluster }) => `--data ${DEFAULT_DATA_ROOT}/${cluster}`).join(' or ')
    throw new CommandError(`${running.length} clusters run here; say which one with ${choices}`)
  }
  return only
}

async function runningBelow(root: string): Promise<RunningCluster[]> {
  let names: string[]
  try {
    names = readdirSync(root)
  } catch {
    return []
  }
  const found = await Promise.all(names.map(name => runningIn(join(root, name))))
  return found.filter(cluster => cluster !== undefined)
}

function addresses(where: string, text: string): string[] {
  const all = text
    .split(/[;,]/)
    .map(part => part.trim())
    .filter(part => part !== '')
  const bad = all.find(address => !ADDRESS.test(address))
  if (bad !== undefined || all.length === 0) {
    throw new UsageError(`${where} is "${bad ?? text}"; allowed is host:port, several separated by ;`)
  }
  return all
}
