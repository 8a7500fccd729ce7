import { isControlled, type RenderedProcess } from '@rocketcluster/config'
import { brokerRequests, nameserverRequests, ResponseError } from '@rocketcluster/protocol'
import { RemotingClient, TransportError } from '@rocketcluster/remoting'
import { nodeWorld } from '@rocketcluster/world/node'

/** A topic that every broker has, whatever its configuration (TopicConfigManager.java). */
const PROBE_TOPIC = 'SELF_TEST_TOPIC'
const PROBE_TIMEOUT_MS = 2000

/** A connection to the cluster that starts. Close it. */
export function openProbe(): RemotingClient {
  return new RemotingClient(nodeWorld())
}

/**
 * What keeps clients from sending and receiving, as a sentence, or undefined when nothing does: every name server
 * answers, knows every master at its address, and has a route over all of them; every broker serves its queues.
 */
export async function waitingFor(
  client: RemotingClient,
  processes: readonly RenderedProcess[],
): Promise<string | undefined> {
  const brokers = processes.filter(({ kind }) => kind === 'broker')
  const nameServers = processes.filter(({ kind }) => kind === 'nameserver')
  const reasons = await Promise.all([
    ...brokers.map(broker => brokerReason(client, broker)),
    ...nameServers.map(nameServer => nameServerReason(client, nameServer, brokers)),
  ])
  return reasons.find(reason => reason !== undefined)
}

/** Whether a process answers requests at all. */
export async function answers(client: RemotingClient, { address }: RenderedProcess): Promise<boolean> {
  return (await attempt(() => client.connect(address, { timeoutMs: PROBE_TIMEOUT_MS }))) === undefined
}

async function brokerReason(client: RemotingClient, { name, address }: RenderedProcess): Promise<string | undefined> {
  const reason = await attempt(() =>
    client.invoke(
      address,
      brokerRequests.getMaxOffset,
      { topic: PROBE_TOPIC, queueId: 0 },
      { timeoutMs: PROBE_TIMEOUT_MS },
    ),
  )
  return reason && `${name} does not serve yet (${reason})`
}

async function nameServerReason(
  client: RemotingClient,
  { name, address }: RenderedProcess,
  brokers: readonly RenderedProcess[],
): Promise<string | undefined> {
  const options = { timeoutMs: PROBE_TIMEOUT_MS }
  let missing: string | undefined
  const reason = await attempt(async () => {
    const { body: cluster } = await client.invoke(address, nameserverRequests.getBrokerClusterInfo, {}, options)
    const addressOf = ({ brokerName }: RenderedProcess, brokerId: number) =>
      cluster?.brokerAddrTable.get(brokerName!)?.brokerAddrs.get(brokerId)
    const masterless = brokers.find(broker => addressOf(broker, 0) !== (broker.groupAddress ?? broker.address))
    if (masterless) {
      missing = `${name} has no master of ${masterless.brokerName} yet`
      return
    }
    // The master of a group is known by the group's address only.
    const unknown = brokers.filter(broker => isControlled(broker) && addressOf(broker, broker.brokerId!) === undefined)
    const late = unknown.find(one => unknown.some(other => other !== one && other.brokerName === one.brokerName))
    if (late) {
      missing = `${late.name} has not registered with ${name} yet`
      return
    }
    const { body: route } = await client.invoke(
      address,
      nameserverRequests.getRouteinfoByTopic,
      { topic: PROBE_TOPIC },
      options,
    )
    const routeless = brokers.find(
      ({ brokerName }) => !route?.queueDatas.some(queue => queue.brokerName === brokerName),
    )
    if (routeless) missing = `${name} has no route to ${routeless.name} yet`
  })
  return missing ?? (reason && `${name} does not answer yet (${reason})`)
}

/** The reason why it failed, or undefined. */
async function attempt(ask: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await ask()
    return undefined
  } catch (error) {
    if (error instanceof TransportError || error instanceof ResponseError) return error.message
    throw error
  }
}
