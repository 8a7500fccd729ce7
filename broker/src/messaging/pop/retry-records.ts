import {
  type DecodedMessage,
  decodeRecords,
  encodeHost,
  encodeProperties,
  encodeRecord,
  property,
  recordSize,
} from '@rocketcluster/protocol'
import { type HandleParts, printHandle } from './extra-info.ts'

/**
 * Records of a retry topic as the consumer of the original topic shall see them: under that topic's name, and with their
 * receipt handle already in POP_CK, since the consumer could not tell from the answer which queue they came from.
 */
export function withOriginalTopic(
  records: readonly Uint8Array[],
  topic: string,
  handle: Omit<HandleParts, 'queueOffset'>,
): Buffer[] {
  const name = Buffer.from(topic)
  return records.flatMap(slice =>
    decodeRecords(Buffer.from(slice.buffer, slice.byteOffset, slice.byteLength)).map(message =>
      recoded(message, name, handle),
    ),
  )
}

function recoded(message: DecodedMessage, topic: Buffer, handle: Omit<HandleParts, 'queueOffset'>): Buffer {
  const properties = new Map(message.properties)
  if (!properties.has(property.POP_CK))
    properties.set(property.POP_CK, printHandle({ ...handle, queueOffset: message.queueOffset }))
  const record = {
    topic,
    queueId: message.queueId,
    flag: message.flag,
    sysFlag: message.sysFlag,
    bornTimestamp: message.bornTimestamp,
    bornHost: encodeHost(message.bornHost.address, message.bornHost.port),
    storeHost: encodeHost(message.storeHost.address, message.storeHost.port),
    reconsumeTimes: message.reconsumeTimes,
    preparedTransactionOffset: message.preparedTransactionOffset,
    body: message.storedBody,
    properties: encodeProperties(properties),
  }
  const bytes = Buffer.allocUnsafe(recordSize(record))
  encodeRecord(bytes, 0, record, message.queueOffset, message.physicalOffset, message.storeTimestamp)
  return bytes
}
