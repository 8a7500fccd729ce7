import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NODE_FLAGS } from '@rocketcluster/config'
import type { Conf, Contestant } from './contestant.ts'
import { startNode } from './node-process.ts'
import { registered } from './registered.ts'

const READY_TIMEOUT_MS = 120_000

/** Where the entry points lie: `{ nameserver, broker }`, files that Node can run. */
export interface EntryPoints {
  readonly nameserver: string
  readonly broker: string
  /** What they are, for the report. */
  readonly what: string
}

async function writeConf(directory: string, name: string, conf: Conf): Promise<string> {
  await mkdir(directory, { recursive: true })
  const file = join(directory, name)
  const lines = Object.entries(conf).map(([key, value]) => `${key}=${value}\n`)
  await writeFile(file, lines.join(''))
  return file
}

/** RocketCluster's own name server and broker, as processes. */
export function ours(entryPoints: EntryPoints): Contestant {
  return {
    name: 'RocketCluster',
    version: `RocketCluster, ${entryPoints.what}, Node ${process.version}`,
    async startNameServer(directory, port) {
      const conf = await writeConf(directory, 'namesrv.conf', {
        listenPort: port,
        metricsPromExporterPort: 0,
        kvConfigPath: join(directory, 'kvConfig.json'),
        configStorePath: join(directory, 'namesrv.properties'),
      })
      return startNode([entryPoints.nameserver, '-c', conf], {
        directory,
        logFile: join(directory, 'namesrv.log'),
        ready: () => registered(`127.0.0.1:${port}`, undefined),
        readyTimeoutMs: READY_TIMEOUT_MS,
      })
    },
    async startBroker({ directory, port, nameServer, conf }) {
      const file = await writeConf(directory, 'broker.conf', {
        listenPort: port,
        haListenPort: port + 1,
        namesrvAddr: nameServer,
        storePathRootDir: join(directory, 'store'),
        metricsPromExporterPort: 0,
        ...conf,
      })
      return startNode([...BROKER_FLAGS, entryPoints.broker, '-c', file], {
        directory,
        logFile: join(directory, 'broker.log'),
        ready: () => registered(nameServer, `127.0.0.1:${port}`),
        readyTimeoutMs: READY_TIMEOUT_MS,
      })
    },
  }
}

/** As `rocketcluster up` starts it, and for profiling further flags, such as `--cpu-prof --cpu-prof-dir DIR`. */
const BROKER_FLAGS = [...NODE_FLAGS, ...(process.env.BENCH_BROKER_FLAGS ?? '').split(' ').filter(flag => flag !== '')]
