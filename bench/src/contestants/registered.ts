import { ask } from '@rocketcluster/e2e'

const GET_BROKER_CLUSTER_INFO = 106

/** Whether a name server answers and, where given, knows the broker at `host:port`. */
export async function registered(nameServer: string, broker: string | undefined): Promise<boolean> {
  const [host, port] = nameServer.split(':')
  const header = { code: GET_BROKER_CLUSTER_INFO, flag: 0, language: 'JAVA', opaque: 1, version: 513 }
  const answer = await ask({ host: host!, port: Number(port) }, header).catch(() => undefined)
  return answer !== undefined && (broker === undefined || answer.response.includes(`"${broker}"`))
}
