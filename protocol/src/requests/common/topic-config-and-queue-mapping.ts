import { Buffer } from 'node:buffer'
import { type TopicConfig, topicConfig } from '../../bodies/topic-config.ts'
import { type TopicQueueMappingDetail, topicQueueMappingDetail } from '../../bodies/topic-queue-mapping.ts'
import { FieldError, MalformedError } from '../../errors.ts'
import { type Json, type JsonObject, parse, print } from '../../json/fastjson.ts'
import type { BodyCodec } from '../../request.ts'

/** A topic and, when it is static, how its queues map (TopicConfigAndQueueMapping.java). */
export type TopicConfigAndQueueMapping = TopicConfig & { mappingDetail?: TopicQueueMappingDetail }

export const topicConfigAndQueueMapping: BodyCodec<TopicConfigAndQueueMapping> = {
  encode({ mappingDetail, ...config }) {
    const detail = mappingDetail && topicQueueMappingDetail.write(mappingDetail)
    return Buffer.from(print({ ...(topicConfig.write(config) as object), mappingDetail: detail }), 'utf8')
  },
  decode(bytes) {
    const json = parsed(bytes.toString('utf8'))
    const config = topicConfig.read(json, 'body')
    const detail = (json as JsonObject).mappingDetail ?? undefined
    return detail === undefined
      ? config
      : { ...config, mappingDetail: topicQueueMappingDetail.read(detail, 'body.mappingDetail') }
  },
}

function parsed(text: string): Json {
  try {
    return parse(text)
  } catch (cause) {
    if (cause instanceof MalformedError) throw new FieldError('body', cause.message)
    throw cause
  }
}
