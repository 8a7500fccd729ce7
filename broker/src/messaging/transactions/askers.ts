import {
  type clientRequests as ClientRequests,
  clientRequests,
  type DecodedMessage,
  type HeaderOf,
  property,
  TRANS_HALF_TOPIC,
} from '@rocketcluster/protocol'
import type { ServerConnection } from '@rocketcluster/remoting'
import type { ClientRegistry } from '../../clients/client-registry.ts'
import { encodeForCheck, producerGroupOf } from './half-message.ts'

type Question = HeaderOf<(typeof ClientRequests)['checkTransactionState']>

/** Asks producers what became of their transactions: the members of a group in turn (ProducerManager.java#getAvailableChannel). */
export class Askers {
  readonly #clients: ClientRegistry<ServerConnection>
  readonly #brokerName: string
  #turn = 0

  constructor(clients: ClientRegistry<ServerConnection>, brokerName: string) {
    this.#clients = clients
    this.#brokerName = brokerName
  }

  /** Whether somebody of the group can be asked now. */
  hasProducer(group: string): boolean {
    return this.#clients.producers(group).some(({ channel }) => !channel.closed && !channel.congested)
  }

  /**
   * CHECK_TRANSACTION_STATE to one live producer of the message's group; another is tried when a connection turns out to
   * be dead. The answer is an END_TRANSACTION of its own. Returns false when nobody could be asked.
   */
  ask(half: DecodedMessage): boolean {
    const producers = this.#clients.producers(producerGroupOf(half))
    const from = this.#turn++
    for (let i = 0; i < producers.length; i++) {
      const { channel } = producers[(from + i) % producers.length]!
      if (channel.closed || channel.congested) continue
      try {
        channel.notify(clientRequests.checkTransactionState, this.#question(half), { body: encodeForCheck(half) })
        return true
      } catch {
        // It went away between the two lines above.
      }
    }
    return false
  }

  #question(half: DecodedMessage): Partial<Question> {
    const uniqKey = half.properties.get(property.UNIQ_CLIENT_MESSAGE_ID_KEYIDX)
    return {
      topic: TRANS_HALF_TOPIC,
      tranStateTableOffset: half.queueOffset,
      commitLogOffset: half.physicalOffset,
      msgId: uniqKey,
      transactionId: uniqKey,
      offsetMsgId: half.offsetMsgId,
      brokerName: this.#brokerName,
    }
  }
}
