import { columns } from './columns.ts'
import { command, oneWord } from './command.ts'
import { type GroupStatus, groupStatus } from './groups.ts'
import { type Controllers, clusterOptions, controllersOf, findNameServers, findRunning } from './name-servers.ts'
import { asCommandError, type Connected, withClient } from './with-client.ts'

interface NameServerStatus {
  readonly address: string
  readonly brokers: number
  /** Why it does not answer. */
  readonly problem: string | null
}

interface BrokerStatus {
  readonly cluster: string
  readonly brokerName: string
  readonly brokerId: number
  readonly address: string
  readonly version: string | null
  /** Seconds since it started. */
  readonly upSeconds: number | null
  readonly sendsPerSecond: number | null
  readonly messagesSent: number | null
  readonly writable: boolean | null
  readonly diskUsed: number | null
  /** Name servers that do not know it, or why it does not answer. */
  readonly problem: string | null
}

const NO_CONTROLLERS: Controllers = { addresses: [], groups: [] }

export const status = command({
  name: 'status',
  summary: 'show name servers and brokers, and whether they are well',
  options: {
    output: { type: 'string', short: 'o', value: 'text|json', default: 'text', help: 'json prints one line' },
    ...clusterOptions,
  },
  examples: ['rocketcluster status', 'rocketcluster status --name-server 127.0.0.1:9876 --output json'],
  async run(values, terminal) {
    const output = oneWord('output', values.output, ['text', 'json'])
    const nameServers = await findNameServers(values)
    // Who looks from elsewhere has no controllers to ask.
    const { addresses, groups = [] } =
      values['name-server'] === undefined && (values.data !== undefined || !process.env.NAMESRV_ADDR)
        ? controllersOf(await findRunning(values.data))
        : NO_CONTROLLERS
    const { names, brokers, groupStates } = await withClient(nameServers, async connected => ({
      ...(await look(connected, nameServers)),
      groupStates: await Promise.all(groups.map(group => groupStatus(connected.client.remoting, addresses, group))),
    }))
    const isWell = brokers.length > 0 && [...names, ...brokers, ...groupStates].every(({ problem }) => problem === null)
    terminal.out(
      output === 'json'
        ? `${JSON.stringify({ isWell, nameServers: names, brokers, groups: groupStates })}\n`
        : asText(names, brokers, groupStates, isWell),
    )
    return isWell ? 0 : 1
  },
})

async function look(connected: Connected, nameServers: readonly string[]) {
  const { getBrokerClusterInfo } = await import('@rocketcluster/protocol')
  const { remoting, timeoutMs } = connected.client
  const answers = await Promise.all(
    nameServers.map(async address => {
      try {
        const { body } = await remoting.invoke(address, getBrokerClusterInfo, {}, { timeoutMs })
        return { address, table: body!.brokerAddrTable, problem: null }
      } catch (error) {
        return { address, table: undefined, problem: sentence(error) }
      }
    }),
  )
  const names = answers.map(
    ({ address, table, problem }): NameServerStatus => ({
      address,
      brokers: [...(table?.values() ?? [])].reduce((sum, { brokerAddrs }) => sum + brokerAddrs.size, 0),
      problem,
    }),
  )
  // Name servers do not talk to each other: what one knows and another does not is worth telling.
  const known = new Map<
    string,
    { cluster: string; brokerName: string; brokerId: number; address: string; at: string[] }
  >()
  for (const { address: at, table } of answers) {
    for (const [brokerName, { brokerAddrs, cluster }] of table ?? []) {
      for (const [brokerId, address] of brokerAddrs) {
        const broker = known.get(address) ?? { cluster: cluster ?? '', brokerName, brokerId, address, at: [] }
        broker.at.push(at)
        known.set(address, broker)
      }
    }
  }
  const alive = answers.filter(({ table }) => table !== undefined).map(({ address }) => address)
  const brokers = await Promise.all(
    [...known.values()].map(async ({ at, ...broker }) => {
      const missing = alive.filter(address => !at.includes(address))
      const problem = missing.length > 0 ? `not registered with ${missing.join(', ')}` : null
      return brokerStatus(connected, broker, problem)
    }),
  )
  return {
    names,
    brokers: brokers.sort((a, b) =>
      a.brokerName < b.brokerName ? -1 : a.brokerName > b.brokerName ? 1 : a.brokerId - b.brokerId,
    ),
  }
}

async function brokerStatus(
  { admin, world }: Connected,
  broker: { cluster: string; brokerName: string; brokerId: number; address: string },
  registration: string | null,
): Promise<BrokerStatus> {
  try {
    const info = await admin.brokerRuntimeInfo(broker.address)
    const number = (key: string) => {
      const value = Number.parseFloat(info.get(key) ?? '')
      return Number.isNaN(value) ? null : value
    }
    const bootMs = number('bootTimestamp')
    // An Apache broker does not say whether it is writable.
    const writable = info.has('writable') ? info.get('writable') === 'true' : null
    return {
      ...broker,
      version: info.get('brokerVersionDesc') ?? null,
      upSeconds: bootMs === null ? null : Math.max(0, Math.round((world.clock.now() - bootMs) / 1000)),
      sendsPerSecond: number('putTps'),
      messagesSent: number('putMessageTimesTotal'),
      writable,
      diskUsed: number('commitLogDiskRatio'),
      // A replica takes none but from its master.
      problem: registration ?? (writable === false && broker.brokerId === 0 ? 'takes no messages' : null),
    }
  } catch (error) {
    return {
      ...broker,
      version: null,
      upSeconds: null,
      sendsPerSecond: null,
      messagesSent: null,
      writable: null,
      diskUsed: null,
      problem: sentence(error),
    }
  }
}

/** What is wrong, for a table; anything unforeseen goes on as it is. */
function sentence(error: unknown): string {
  const known = asCommandError(error)
  if (known === error) throw error
  return (known as Error).message
}

function asText(
  names: readonly NameServerStatus[],
  brokers: readonly BrokerStatus[],
  groups: readonly GroupStatus[],
  isWell: boolean,
): string {
  const nameServers = columns(
    ['Name server', 'Brokers', 'State'],
    names.map(({ address, brokers, problem }) => [address, brokers, problem ?? 'well']),
  )
  const rows = brokers.map(broker => [
    broker.cluster,
    broker.brokerName,
    String(broker.brokerId),
    broker.address,
    broker.version ?? '',
    broker.upSeconds === null ? '' : `${broker.upSeconds} s`,
    broker.messagesSent === null ? '' : broker.messagesSent,
    broker.sendsPerSecond === null ? '' : `${broker.sendsPerSecond.toFixed(1)}/s`,
    broker.diskUsed === null ? '' : `${(broker.diskUsed * 100).toFixed(0)} %`,
    broker.problem ?? 'well',
  ])
  const table = columns(['Cluster', 'Broker', 'Id', 'Address', 'Version', 'Up', 'Sent', 'Rate', 'Disk', 'State'], rows)
  if (brokers.length === 0) return `${nameServers}\nNo broker is registered: nobody can send or receive.\n`
  return `${nameServers}\n${table}${groups.map(groupText).join('')}${isWell ? '' : '\nNot all is well.\n'}`
}

function groupText({ brokerName, masterEpoch, lastChange, members, problem }: GroupStatus): string {
  const rows = members.map(({ brokerId, address, isMaster, inSync, lagBytes }) => [
    brokerId,
    address,
    isMaster ? 'master' : 'replica',
    inSync ? 'in sync' : 'not in sync',
    lagBytes === null ? 'silent' : `${lagBytes} B`,
  ])
  const table = rows.length === 0 ? '' : columns(['Id', 'Address', 'Role', 'Set', 'Lag'], rows)
  return `\nGroup ${brokerName}, epoch ${masterEpoch}: ${problem ?? 'well'}\n${table}${lastChange === '' ? '' : `Last change: ${lastChange}\n`}`
}
