import type { RemotingClient } from '@rocketcluster/remoting'
import { CommandError, command, oneWord, UsageError, wholeNumber } from './command.ts'
import { groupStatus, readRecord } from './groups.ts'
import { type Controllers, findControllers } from './name-servers.ts'
import { withRemoting } from './with-client.ts'

const PATIENCE_MS = 10_000
const LOOK_MS = 50

export const failover = command({
  name: 'failover',
  summary: 'make another member of a group its master',
  options: {
    group: {
      type: 'string',
      short: 'g',
      value: 'BROKER_NAME',
      help: 'the group; needed when a cluster has several',
    },
    to: { type: 'string', value: 'BROKER_ID', help: 'who shall be master (default: one that is in sync)' },
    controller: { type: 'string', value: 'HOST:PORT', help: 'controllers, several separated by ;' },
    data: { type: 'string', value: 'DIR', help: 'the data directory that "rocketcluster up" was given' },
    output: { type: 'string', short: 'o', value: 'text|json', default: 'text', help: 'json prints one line' },
  },
  examples: ['rocketcluster failover', 'rocketcluster failover --group quickstart-broker-0 --to 2'],
  async run(values, terminal) {
    const output = oneWord('output', values.output, ['text', 'json'])
    const to = values.to === undefined ? undefined : wholeNumber('to', values.to, 1, 1000)
    const found = await findControllers(values)
    const brokerName = values.group ?? onlyGroup(found)
    const { addresses: controllers } = found
    return withRemoting(async remoting => {
      const began = performance.now()
      const before = await readRecord(remoting, controllers, brokerName)
      const brokerId = to ?? (await somebody(remoting, controllers, brokerName))
      const master = await elect(remoting, controllers, before.clusterName, brokerName, brokerId)
      const tookMs = Math.round(performance.now() - began)
      const { masterEpoch } = await readRecord(remoting, controllers, brokerName)
      terminal.out(
        output === 'json'
          ? `${JSON.stringify({ brokerName, from: before.masterBrokerId ?? null, to: brokerId, masterEpoch, tookMs })}\n`
          : `${brokerName}: broker ${brokerId} at ${master} is master of epoch ${masterEpoch} and serves, after ${tookMs} ms\n`,
      )
      return 0
    })
  },
})

function onlyGroup({ addresses, groups }: Controllers): string {
  if (groups === undefined) throw new UsageError('--controller needs --group BROKER_NAME')
  if (addresses.length === 0 || groups.length === 0)
    throw new CommandError('every broker of this cluster is alone in its group: there is no other master to choose')
  if (groups.length > 1) throw new UsageError(`say which group with --group; allowed are ${groups.join(', ')}`)
  return groups[0]!
}

/** A member that is in sync, is there, and is not the master; the one with the shortest way to go. */
async function somebody(remoting: RemotingClient, controllers: readonly string[], brokerName: string): Promise<number> {
  const { members } = await groupStatus(remoting, controllers, brokerName)
  const [best] = members
    .filter(({ isMaster, inSync, lagBytes }) => !isMaster && inSync && lagBytes !== null)
    .sort((a, b) => a.lagBytes! - b.lagBytes! || a.brokerId - b.brokerId)
  if (best === undefined)
    throw new CommandError(
      `${brokerName} has no other member that is in sync and answers; its members are ${members.map(({ brokerId, inSync, lagBytes }) => `${brokerId} (${inSync ? 'in sync' : 'not in sync'}${lagBytes === null ? ', silent' : ''})`).join(', ')}`,
    )
  return best.brokerId
}

/** Resolves to the new master's address when it serves as one. */
async function elect(
  remoting: RemotingClient,
  controllers: readonly string[],
  clusterName: string,
  brokerName: string,
  brokerId: number,
): Promise<string> {
  const { brokerRequests, controllerRequests } = await import('@rocketcluster/protocol')
  const { masterAddress } = await remoting.invoke(
    controllers[0]!,
    controllerRequests.controllerElectMaster,
    { clusterName, brokerName, brokerId, designateElect: true },
    { timeoutMs: 3000 },
  )
  if (masterAddress === undefined) throw new CommandError(`the controller does not say where broker ${brokerId} is`)
  const dueMs = performance.now() + PATIENCE_MS
  for (;;) {
    const status = await remoting
      .invoke(masterAddress, brokerRequests.getBrokerHaStatus, {}, { timeoutMs: 1000 })
      .catch(() => undefined)
    if (status?.body?.master) return masterAddress
    if (performance.now() > dueMs)
      throw new CommandError(
        `broker ${brokerId} at ${masterAddress} is elected and does not serve as master after ${PATIENCE_MS / 1000} s`,
      )
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
}
