import { property } from '@rocketcluster/protocol'
import type { MessageFilter } from '../../store/types.ts'
import type { ConsumerFilters } from './consumer-filters.ts'
import { RecordProperties } from './record-properties.ts'

/**
 * filterSupportRetry: a message that is retried is judged by the group's filter on the topic it came from, and wanted when
 * there is none (ExpressionForRetryMessageFilter.java). Only for consumers that subscribe to their retry topic by SQL92;
 * clients do it by the tag expression `*`, which lets everything through.
 */
export function retriedFilter(filters: ConsumerFilters, group: string): MessageFilter {
  const properties = new RecordProperties([property.RETRY_TOPIC])
  return {
    byEntry: () => true,
    byRecord(record) {
      properties.readRecord(record)
      const topic = properties.text(0)
      const compiled = topic === undefined ? undefined : filters.get(topic, group)?.compiled
      return compiled === undefined || compiled.byRecord(record)
    },
  }
}
