import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NamesrvOverrides, namesrvConfig } from '@rocketcluster/config'
import { nodeWorld } from '@rocketcluster/world/node'
import { Nameserver } from '../nameserver.ts'
import { RawClient, type RawRequest } from './raw-client.ts'

const cleanups: (() => Promise<unknown>)[] = []

/** A name server on a free port of loopback, with files of its own; closed by `cleanUp`. */
export async function startNameserver(overrides: NamesrvOverrides = {}): Promise<Nameserver> {
  const mine = mkdtempSync(join(tmpdir(), 'nameserver-'))
  cleanups.push(async () => rmSync(mine, { recursive: true, force: true }))
  const { config } = namesrvConfig.parse('', {
    listenPort: 0,
    bindAddress: '127.0.0.1',
    kvConfigPath: join(mine, 'kvConfig.json'),
    configStorePath: join(mine, 'namesrv.conf'),
    shutdownWaitTimeSeconds: 0,
    ...overrides,
  })
  const nameserver = await Nameserver.start(nodeWorld(), { config })
  cleanups.push(() => nameserver.stop())
  return nameserver
}

export async function connectTo({ port }: Nameserver): Promise<RawClient> {
  const client = await RawClient.connect(port)
  cleanups.push(() => client.close())
  return client
}

/** For `afterEach`. */
export async function cleanUp(): Promise<void> {
  for (const clean of cleanups.splice(0).reverse()) await clean()
}

export interface BrokerOf {
  readonly clusterName?: string
  readonly brokerName?: string
  readonly brokerAddr?: string
  readonly brokerId?: number
  readonly haServerAddr?: string
}

/** The header fields that name a broker. */
export function brokerExt({
  clusterName = 'DefaultCluster',
  brokerName = 'broker-a',
  brokerAddr = '10.0.0.1:10911',
  brokerId = 0,
  haServerAddr = '10.0.0.1:10912',
}: BrokerOf = {}) {
  return { clusterName, brokerName, brokerAddr, brokerId, haServerAddr }
}

export const topicConfig = (topicName: string, rest: object = {}) => ({
  topicName,
  readQueueNums: 4,
  writeQueueNums: 4,
  perm: 6,
  topicFilterType: 'SINGLE_TAG',
  topicSysFlag: 0,
  order: false,
  ...rest,
})

export const version = (counter: number, stateVersion = 0) => ({ counter, stateVersion, timestamp: 1_700_000_000_000 })

/** The JSON of RegisterBrokerBody. */
export function registerBody(topics: readonly ReturnType<typeof topicConfig>[], dataVersion = version(1)): string {
  const topicConfigTable = Object.fromEntries(topics.map(topic => [topic.topicName, topic]))
  return JSON.stringify({ filterServerList: [], topicConfigSerializeWrapper: { dataVersion, topicConfigTable } })
}

/** REGISTER_BROKER as a broker of today sends it. */
export function registration(
  broker: BrokerOf = {},
  {
    topics = [topicConfig('TopicA'), topicConfig('TopicB')],
    dataVersion = version(1),
    ext = {},
  }: {
    topics?: ReturnType<typeof topicConfig>[]
    dataVersion?: ReturnType<typeof version>
    ext?: RawRequest['ext']
  } = {},
): RawRequest {
  return {
    ext: { ...brokerExt(broker), enableActingMaster: false, compressed: false, bodyCrc32: 0, ...ext },
    body: registerBody(topics, dataVersion),
  }
}

/** Waits until `holds` returns true; fails after five seconds. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const until = Date.now() + 5000
  while (!(await holds())) {
    if (Date.now() > until) throw new Error('it did not happen within 5 s')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
