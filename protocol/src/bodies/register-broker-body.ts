import { deflateSync, inflateSync } from 'node:zlib'
import { FieldError } from '../errors.ts'
import { getInt } from '../messages/bytes.ts'
import { dataVersion } from './data-version.ts'
import { body, items, s, type TypeOf, table } from './shape.ts'
import { type TopicConfig, topicConfig } from './topic-config.ts'
import { topicConfigAndMappingSerializeWrapper } from './topic-config-and-mapping-serialize-wrapper.ts'
import { type TopicQueueMappingInfo, topicQueueMappingInfo } from './topic-queue-mapping.ts'

/** RegisterBrokerBody.java: what a broker tells each name server about its topics. */
export const registerBrokerBody = s.bean({
  filterServerList: items(s.string()),
  topicConfigSerializeWrapper: topicConfigAndMappingSerializeWrapper.default(() =>
    topicConfigAndMappingSerializeWrapper.read({}, 'body.topicConfigSerializeWrapper'),
  ),
})
export type RegisterBrokerBody = TypeOf<typeof registerBrokerBody>

/**
 * Ordinal of V5_0_0 in MQVersion.java: from here on topics have attributes, and the compressed form ends with the static
 * topics' mappings. Older name servers refuse a topic of more than five words.
 */
const VERSION_5 = 413

/** Largest content we make of a compressed registration: a million topics fit. */
export const MAX_REGISTRATION_BYTES = 256 * 1024 * 1024

const strings = body(items(s.string()))
const attributes = body(table(s.string()))

const SEPARATOR = ' '

/** `name readQueueNums writeQueueNums perm filterType attributes`: order and topicSysFlag are lost (TopicConfig.java#encode). */
function printTopicConfig(config: TopicConfig, brokerVersion: number): string {
  const { topicName = '', readQueueNums, writeQueueNums, perm, topicFilterType } = config
  const fields = [topicName, readQueueNums, writeQueueNums, perm, topicFilterType]
  if (brokerVersion >= VERSION_5) fields.push(attributes.encode(config.attributes).toString('utf8'))
  return fields.join(SEPARATOR)
}

function parseTopicConfig(text: string, path: string): TopicConfig {
  const [topicName, readQueueNums, writeQueueNums, perm, topicFilterType, ...json] = text.split(SEPARATOR)
  if (topicName === undefined || topicName === '') throw new FieldError(path, 'has no topic name')
  if (topicFilterType === undefined)
    throw new FieldError(path, `${JSON.stringify(text.slice(0, 80))} has fewer than 5 words separated by spaces`)
  // Brokers before 5.0 write no attributes.
  const config = {
    topicName,
    readQueueNums: readQueueNums!,
    writeQueueNums: writeQueueNums!,
    perm: perm!,
    topicFilterType,
  }
  const read = topicConfig.read(config, path)
  return json.length === 0 ? read : { ...read, attributes: attributes.parse(json.join(SEPARATOR)) }
}

/** The form of REGISTER_BROKER's header field compressed=true: one zlib stream over parts that each say their length. */
export function encodeCompressedRegisterBrokerBody(value: RegisterBrokerBody, brokerVersion: number): Buffer {
  const parts: Buffer[] = []
  const int = (number: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(number)
    parts.push(bytes)
  }
  const part = (bytes: Buffer) => {
    int(bytes.length)
    parts.push(bytes)
  }
  const wrapper = value.topicConfigSerializeWrapper
  part(dataVersion.encode(wrapper.dataVersion))
  int(wrapper.topicConfigTable.size)
  for (const [topicName, config] of wrapper.topicConfigTable)
    part(Buffer.from(printTopicConfig({ ...config, topicName }, brokerVersion), 'utf8'))
  part(strings.encode(value.filterServerList))
  if (brokerVersion >= VERSION_5) {
    int(wrapper.topicQueueMappingInfoMap.size)
    for (const info of wrapper.topicQueueMappingInfoMap.values()) part(topicQueueMappingInfo.encode(info))
  }
  return deflateSync(Buffer.concat(parts), { level: 9 })
}

/**
 * Reads the compressed form. The topics' `order` and `topicSysFlag` come out as false and 0.
 * Throws FieldError('body…') naming what is wrong, also when the content is longer than `maxBytes`.
 */
export function decodeCompressedRegisterBrokerBody(
  bytes: Uint8Array,
  brokerVersion: number,
  maxBytes = MAX_REGISTRATION_BYTES,
): RegisterBrokerBody {
  let content: Buffer
  try {
    content = inflateSync(bytes, { maxOutputLength: maxBytes })
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'ERR_BUFFER_TOO_LARGE' ? `its content is longer than the ${maxBytes} bytes allowed` : message
    throw new FieldError('body', `${bytes.length} bytes are not a compressed registration: ${why}`)
  }
  let at = 0
  const count = (name: string): number => {
    if (content.length - at < 4)
      throw new FieldError(`body.${name}`, `the content of ${content.length} bytes ends before it`)
    const number = getInt(content, at)
    at += 4
    // Each of the parts that follow takes at least its own length.
    if (number < 0 || number > content.length - at)
      throw new FieldError(`body.${name}`, `length ${number} is not from 0 to the ${content.length - at} bytes left`)
    return number
  }
  const part = (name: string): Buffer => {
    const length = count(name)
    at += length
    return content.subarray(at - length, at)
  }
  const version = dataVersion.parse(part('dataVersion').toString('utf8'))
  const topicConfigTable = new Map<string, TopicConfig>()
  const topics = count('topicConfigTable')
  for (let i = 0; i < topics; i++) {
    const path = `topicConfigTable[${i}]`
    const config = parseTopicConfig(part(path).toString('utf8'), `body.${path}`)
    topicConfigTable.set(config.topicName!, config)
  }
  const filterServerList = strings.parse(part('filterServerList').toString('utf8'))
  const topicQueueMappingInfoMap = new Map<string, TopicQueueMappingInfo>()
  if (brokerVersion >= VERSION_5) {
    const mappings = count('topicQueueMappingInfoMap')
    for (let i = 0; i < mappings; i++) {
      const path = `topicQueueMappingInfoMap[${i}]`
      const info = topicQueueMappingInfo.parse(part(path).toString('utf8'))
      if (info.topic === undefined) throw new FieldError(`body.${path}.topic`, 'is required and was not sent')
      topicQueueMappingInfoMap.set(info.topic, info)
    }
  }
  return {
    filterServerList,
    topicConfigSerializeWrapper: {
      dataVersion: version,
      mappingDataVersion: { counter: 0, stateVersion: 0, timestamp: 0 },
      topicConfigTable,
      topicQueueMappingDetailMap: new Map(),
      topicQueueMappingInfoMap,
    },
  }
}

/**
 * Reads either form. The body itself says which it is: plain JSON begins with a brace, a zlib stream never does.
 * The header's `compressed` is no help, as brokers of 5.5.0 send compressed bodies under compressed=false.
 */
export function decodeRegisterBrokerBody(
  bytes: Buffer,
  brokerVersion: number,
  maxBytes = MAX_REGISTRATION_BYTES,
): RegisterBrokerBody {
  const isZlib = bytes.length >= 2 && (bytes[0]! & 0x0f) === 8 && ((bytes[0]! << 8) | bytes[1]!) % 31 === 0
  if (isZlib) return decodeCompressedRegisterBrokerBody(bytes, brokerVersion, maxBytes)
  return registerBrokerBody.decode(bytes)
}
