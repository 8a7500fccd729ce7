import { MQVersion, ResponseError, versionName } from '@rocketcluster/protocol'
import { type ServerConnection, TransportError } from '@rocketcluster/remoting'
import type { ClientInfo, ClientRegistry } from '../clients/client-registry.ts'

/** V3_1_8_SNAPSHOT: older consumers do not answer questions (AdminBrokerProcessor.java#callConsumer). */
const ANSWERS_SINCE = MQVersion.V3_1_8_SNAPSHOT

/** V3_0_7_SNAPSHOT: older consumers know no resets and no questions about offsets (Broker2Client.java). */
const KNOWS_OFFSETS_SINCE = MQVersion.V3_0_7_SNAPSHOT

/** Throws SYSTEM_ERROR for a consumer that cannot be asked about, or told, its offsets. */
export function checkKnowsOffsets({ version }: { readonly version: number }): void {
  if (version < KNOWS_OFFSETS_SINCE)
    throw new ResponseError('SYSTEM_ERROR', `the client does not support this feature. version=${versionName(version)}`)
}

/** The connection of one consumer. Throws SYSTEM_ERROR when it is not there or too old to be asked. */
export function consumerOnline(
  clients: ClientRegistry<ServerConnection>,
  group: string,
  clientId: string,
): ClientInfo<ServerConnection> {
  const consumer = clients.findConsumer(group, clientId)
  if (!consumer) throw new ResponseError('SYSTEM_ERROR', `The Consumer <${group}> <${clientId}> not online`)
  if (consumer.version < ANSWERS_SINCE)
    throw new ResponseError(
      'SYSTEM_ERROR',
      `The Consumer <${clientId}> Version <${consumer.version}> too low to finish, please upgrade it to V3_1_8_SNAPSHOT`,
    )
  return consumer
}

/** Awaits a consumer's answer. Throws CONSUME_MSG_TIMEOUT when it gives none in time, SYSTEM_ERROR when it is gone. */
export async function answerOf<T>(answer: Promise<T>, group: string, clientId: string): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    if (error.kind === 'timeout')
      throw new ResponseError('CONSUME_MSG_TIMEOUT', `consumer <${group}> <${clientId}> Timeout: ${error.message}`)
    throw new ResponseError('SYSTEM_ERROR', `invoke consumer <${group}> <${clientId}> Exception: ${error.message}`)
  }
}
