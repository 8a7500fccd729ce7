import { Store, storeConfigOf } from '@rocketcluster/broker/internal'
import type { BrokerConfig } from '@rocketcluster/config'
import { decodeRecords, encodeHost } from '@rocketcluster/protocol'
import type { World } from '@rocketcluster/world'
import type { Stored } from './history.ts'
import { idOf } from './message-body.ts'

const MEMORY_BYTES = 256 * 1024 ** 2

function open(world: World, config: BrokerConfig): Promise<Store> {
  return Store.open(world, storeConfigOf(config, encodeHost(config.brokerIP1, config.listenPort), MEMORY_BYTES))
}

/** All messages of all queues, in the order of their queues. */
async function read(store: Store, brokerName: string): Promise<Stored[]> {
  const found: Stored[] = []
  for (const { topic, queueIds } of store.topics()) {
    for (const queueId of queueIds) {
      for (let queueOffset = store.minOffset(topic, queueId); queueOffset < store.maxOffset(topic, queueId); ) {
        const result = await store.getMessage({ topic, queueId, queueOffset, maxCount: 1000 })
        if (result.status !== 'FOUND')
          throw new Error(`${brokerName}: ${topic} ${queueId} at ${queueOffset} cannot be read: ${result.status}`)
        for (const record of decodeRecords(Buffer.concat(result.records)))
          found.push({
            brokerName,
            topic,
            queueId,
            queueOffset: record.queueOffset,
            physicalOffset: record.physicalOffset,
            id: idOf(record.body),
          })
        queueOffset = result.nextBeginOffset
        result.release()
      }
    }
  }
  return found
}

/** What a broker that has stopped left behind: as it is, and with all that is derived from the log made anew. */
export async function storedBy(
  world: World,
  config: BrokerConfig,
): Promise<{ kept: readonly Stored[]; rebuilt: readonly Stored[] }> {
  const store = await open(world, config)
  const kept = await read(store, config.brokerName)
  await store.close()
  const { disk } = world
  for (const derived of ['consumequeue', 'index']) await disk.removeTree(`${config.storePathRootDir}/${derived}`)
  await disk.remove(`${config.storePathRootDir}/checkpoint`)
  const again = await open(world, config)
  const rebuilt = await read(again, config.brokerName)
  await again.close()
  return { kept, rebuilt }
}
