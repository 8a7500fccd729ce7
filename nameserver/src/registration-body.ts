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
  const usual = isCompressed ? undefined : decodeUsual(body.toString('utf8'))
  if (usual) return usual
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
  return [...table].map(([name, { topicName = name, readQueueNums, writeQueueNums, perm, topicSysFlag }]) => ({
    topicName,
    readQueueNums,
    writeQueueNums,
    perm,
    topicSysFlag,
  }))
}

/**
 * The body that nearly every broker sends: plain JSON, all numbers in place, no static topics. Each broker sends all of
 * its topics again every 30 s, so this takes only what a route needs and checks only that. undefined for anything
 * unusual, which the general decoder then either understands or refuses.
 */
export function decodeUsual(text: string): RegistrationBody | undefined {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(json) || !isObject(json.topicConfigSerializeWrapper)) return undefined
  const filterServers = json.filterServerList
  if (!Array.isArray(filterServers) || !filterServers.every(server => typeof server === 'string')) return undefined
  const { dataVersion, topicConfigTable, topicQueueMappingInfoMap = {} } = json.topicConfigSerializeWrapper
  if (!isObject(dataVersion) || !isObject(topicConfigTable) || !isObject(topicQueueMappingInfoMap)) return undefined
  if (Object.keys(topicQueueMappingInfoMap).length > 0) return undefined
  const { stateVersion, timestamp, counter } = dataVersion
  if (!Number.isSafeInteger(stateVersion) || !Number.isSafeInteger(timestamp) || !Number.isSafeInteger(counter))
    return undefined
  const topics: RegisteredTopic[] = []
  for (const topic of Object.values(topicConfigTable)) {
    if (!isObject(topic)) return undefined
    const { topicName, readQueueNums, writeQueueNums, perm, topicSysFlag, topicFilterType, order, attributes } = topic
    const isUsual =
      typeof topicName === 'string' &&
      isInt(readQueueNums) &&
      isInt(writeQueueNums) &&
      isInt(perm) &&
      isInt(topicSysFlag) &&
      topicFilterType === 'SINGLE_TAG' &&
      typeof order === 'boolean' &&
      (attributes === undefined || (isObject(attributes) && Object.values(attributes).every(isText)))
    if (!isUsual) return undefined
    topics.push({ topicName, readQueueNums, writeQueueNums, perm, topicSysFlag })
  }
  const version = { stateVersion, timestamp, counter } as DataVersion
  return { dataVersion: version, topics, topicQueueMappings: [], filterServers }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A Java int. */
function isInt(value: unknown): value is number {
  return typeof value === 'number' && value === (value | 0)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}
