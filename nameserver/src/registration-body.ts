import {
  type DataVersion,
  decodeCompressedRegisterBrokerBody,
  MQVersion,
  registerBrokerBody,
  type TopicConfig,
  type TopicQueueMappingInfo,
  topicConfigSerializeWrapper,
} from '@rocketcluster/protocol'
import type { RegisteredTopic } from './registry/types.ts'

/** What a compressed body may grow to; half a million topics fit. More would stop the event loop for seconds. */
const MAX_CONTENT_BYTES = 64 * 1024 * 1024

/** The first byte of every zlib stream that Java's Deflater makes; no JSON text begins with it. */
const ZLIB = 0x78

/** What REGISTER_BROKER's body says, in whichever of its three forms it came. */
export interface RegistrationBody {
  readonly dataVersion: DataVersion
  readonly topics: readonly RegisteredTopic[]
  readonly topicQueueMappings: readonly TopicQueueMappingInfo[]
  /** undefined: the form has no place for them. */
  readonly filterServers?: string[]
}

const NOTHING: RegistrationBody = {
  dataVersion: { stateVersion: 0, timestamp: 0, counter: 0 },
  topics: [],
  topicQueueMappings: [],
}

/**
 * Reads the body of REGISTER_BROKER (DefaultRequestProcessor.java): before V3_0_11 a bare TopicConfigSerializeWrapper,
 * from there a RegisterBrokerBody, as JSON or compressed. Throws FieldError naming what is wrong.
 */
export function decodeRegistration(
  body: Buffer,
  { compressed, version }: { compressed: boolean; version: number },
): RegistrationBody {
  if (body.length === 0) return NOTHING
  if (version < MQVersion.V3_0_11) {
    const { dataVersion, topicConfigTable } = topicConfigSerializeWrapper.decode(body)
    return { dataVersion, topics: topicsOf(topicConfigTable), topicQueueMappings: [] }
  }
  // Apache's brokers of 5.x with compressedRegister=true compress the body and say compressed=false
  // (BrokerOuterAPI.java#registerBrokerAll), so that their own name server cannot read it.
  const isCompressed = compressed || body[0] === ZLIB
  const { topicConfigSerializeWrapper: wrapper, filterServerList } = isCompressed
    ? decodeCompressedRegisterBrokerBody(body, version, MAX_CONTENT_BYTES)
    : registerBrokerBody.decode(body)
  return {
    dataVersion: wrapper.dataVersion,
    topics: topicsOf(wrapper.topicConfigTable),
    topicQueueMappings: [...wrapper.topicQueueMappingInfoMap.values()],
    filterServers: filterServerList,
  }
}

function topicsOf(table: ReadonlyMap<string, TopicConfig>): RegisteredTopic[] {
  return [...table].map(([name, config]) => ({ ...config, topicName: config.topicName ?? name }))
}
