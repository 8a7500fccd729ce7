import { mkdir } from 'node:fs/promises'
import {
  APACHE_BROKER_HEAP,
  freePort,
  type Installation,
  installApache,
  type Heap as JvmHeap,
  SERVER_VERSION,
  startBroker,
  startNameServer,
} from '@rocketcluster/e2e'
import type { Contestant, Heap } from './contestant.ts'

const HEAPS: Readonly<Record<Heap, JvmHeap>> = { default: APACHE_BROKER_HEAP, '1g': { min: '1g', max: '1g' } }
/** Routes of a handful of topics need no more; the name server is not measured. */
const NAME_SERVER_HEAP: JvmHeap = { min: '256m', max: '512m' }
/** A start with gigabytes to recover takes its time. */
const READY_TIMEOUT_MS = 300_000

/** Apache RocketMQ from Maven Central; fetched on the first use. */
export async function apache(): Promise<Contestant> {
  const installation: Installation = await installApache()
  return {
    name: 'Apache',
    version: `Apache RocketMQ ${SERVER_VERSION}`,
    async startNameServer(directory, port) {
      await mkdir(directory, { recursive: true })
      return startNameServer({ installation, dataDir: directory, port, heap: NAME_SERVER_HEAP })
    },
    async startBroker({ directory, port, nameServer, conf, heap }) {
      await mkdir(directory, { recursive: true })
      return startBroker({
        installation,
        dataDir: directory,
        port,
        nameServers: [nameServer],
        heap: HEAPS[heap],
        conf: { ...conf, metricsPromExporterPort: await freePort() },
        readyTimeoutMs: READY_TIMEOUT_MS,
      })
    },
  }
}
