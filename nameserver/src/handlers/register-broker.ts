import { crc32 } from 'node:zlib'
import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { NAMESPACE_ORDER_TOPIC_CONFIG } from '../kv-config.ts'
import { decodeRegistration } from '../registration-body.ts'
import type { RegisteredTopic } from '../registry/types.ts'
import { topicConfigProblem } from '../topic-config-problem.ts'

/** What an answer's remark repeats of many problems; the log has them all. */
const SHOWN_PROBLEMS = 3

/** REGISTER_BROKER: a broker says that it is there, where, and which topics it has. */
export const registerBroker: Handler<'registerBroker'> = (header, context) => {
  const { routes, kvConfig, configuration, metrics, clock, log, connection, version, tellMinBrokerIdChange } = context
  const { clusterName, brokerName, brokerAddr, brokerId, haServerAddr, zoneName, compressed, bodyCrc32 } = header
  const { enableActingMaster, heartbeatTimeoutMillis } = header
  const body = asBuffer(context.body)
  checkHeader(header)
  checkCrc32(bodyCrc32, body)
  const registration = decodeRegistration(body, { compressed, version })
  const { topics, problems } = usable(registration.topics)
  const who = { clusterName, brokerName, brokerId, brokerAddr, from: connection.remoteAddress }
  if (problems.length > 0) log.warn({ ...who, problems }, 'topics left out of a registration')

  const result = routes.register(
    {
      clusterName,
      brokerName,
      brokerAddr,
      brokerId,
      haServerAddr,
      zoneName,
      enableActingMaster,
      heartbeatTimeoutMs: heartbeatTimeoutMillis,
      dataVersion: registration.dataVersion,
      topics,
      tableSize: registration.topics.length,
      topicQueueMappings: registration.topicQueueMappings,
      filterServers: registration.filterServers,
      channel: connection,
    },
    clock.monotonicMs(),
  )
  metrics.registration(result.outcome)
  if (result.outcome === 'refused') throw new ResponseError('SYSTEM_ERROR', `register broker failed: ${result.reason}`)
  if (result.outcome === 'stale') {
    log.warn(who, `registration ignored: ${result.reason}`)
    return { remark: `ignored: ${result.reason}` }
  }
  if (result.first) log.info({ ...who, topics: topics.length }, 'broker registered')
  tellMinBrokerIdChange(result.minBrokerIdChange)
  const orderTopics = kvConfig.namespace(NAMESPACE_ORDER_TOPIC_CONFIG)
  return {
    masterAddr: result.masterAddr,
    haServerAddr: result.haServerAddr,
    body:
      orderTopics && configuration.current.returnOrderTopicConfigToBroker ? { table: new Map(orderTopics) } : undefined,
    remark: problems.length > 0 ? leftOut(problems) : undefined,
  }
}

function checkHeader(header: {
  clusterName: string
  brokerName: string
  brokerAddr: string
  brokerId: number
  heartbeatTimeoutMillis?: number
}): void {
  for (const field of ['clusterName', 'brokerName', 'brokerAddr'] as const)
    if (header[field].trim() === '') throw new ResponseError('INVALID_PARAMETER', `${field} is blank`)
  if (header.brokerId < 0)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `brokerId ${header.brokerId} is not allowed: 0 is a master, slaves are 1 and above`,
    )
  const { heartbeatTimeoutMillis } = header
  if (heartbeatTimeoutMillis !== undefined && heartbeatTimeoutMillis <= 0)
    throw new ResponseError(
      'INVALID_PARAMETER',
      `heartbeatTimeoutMillis ${heartbeatTimeoutMillis} is not allowed: 1 and above`,
    )
}

/** Brokers write the lower 31 bits, and 0 for no check (UtilAll.java#crc32). */
function checkCrc32(expected: number, body: Buffer): void {
  if (expected === 0) return
  const found = crc32(body) & 0x7fffffff
  if (found !== expected)
    throw new ResponseError('SYSTEM_ERROR', `crc32 not match: the body has ${found}, bodyCrc32 says ${expected}`)
}

/** What of a broker's topics can be offered to clients. One bad name must not take its other topics out of service. */
function usable(listed: readonly RegisteredTopic[]): { topics: RegisteredTopic[]; problems: string[] } {
  const topics: RegisteredTopic[] = []
  const problems: string[] = []
  for (const topic of listed) {
    const problem = topicConfigProblem(topic)
    if (problem === undefined) topics.push(topic)
    else problems.push(problem)
  }
  return { topics, problems }
}

function leftOut(problems: readonly string[]): string {
  const more = problems.length > SHOWN_PROBLEMS ? `; and ${problems.length - SHOWN_PROBLEMS} more` : ''
  return `left out: ${problems.slice(0, SHOWN_PROBLEMS).join('; ')}${more}`
}

function asBuffer(body: Uint8Array | undefined): Buffer {
  return body ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : Buffer.alloc(0)
}
