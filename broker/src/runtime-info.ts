import { CURRENT_VERSION, versionName } from '@rocketcluster/protocol'
import { MAX_OUTSTANDING_SENDS } from './messaging/sends.ts'
import { PERM_WRITE } from './metadata/system-topics.ts'
import type { BrokerServices } from './services.ts'

/** Java's String.valueOf(boolean) and numbers: every value of the table is text. */
const text = (values: Record<string, string | number | boolean>) =>
  new Map(Object.entries(values).map(([key, value]) => [key, String(value)]))

const rates = (perSecond: readonly number[]) => perSecond.map(rate => rate.toFixed(6).replace(/0+$/, '0')).join(' ')

/**
 * What GET_BROKER_RUNTIME_INFO tells, under the keys that tools read (AdminBrokerProcessor.java#prepareRuntimeInfo,
 * StoreStatsService.java#getRuntimeInfo). Keys of thread pools say how many requests wait: one event loop has no
 * queues, so the sends that wait for the disk stand for the send queue and the others are empty.
 */
export async function runtimeInfo(services: BrokerServices): Promise<Map<string, string>> {
  const { world, config, store, sends, schedule, brokerStart, throughput, timer } = services
  const space = await world.disk.space(config.storePathRootDir)
  const used = (space.totalBytes - space.freeBytes) / space.totalBytes
  // When the disk fails, an operator needs the rest of the table most.
  const earliest = await store.earliestStoreTimestamp().catch(() => -1)
  const queue = (name: string, size: number, capacity: number) => ({
    [`${name}ThreadPoolQueueSize`]: size,
    [`${name}ThreadPoolQueueCapacity`]: capacity,
    [`${name}ThreadPoolQueueHeadWaitTimeMills`]: 0,
  })
  return text({
    brokerActive: true,
    brokerVersion: CURRENT_VERSION,
    brokerVersionDesc: versionName(CURRENT_VERSION),
    bootTimestamp: brokerStart,
    startAcceptSendRequestTimeStamp: config.startAcceptSendRequestTimeStamp,
    earliestMessageTimeStamp: earliest,
    runtime: humanDuration(world.clock.now() - brokerStart),
    ...throughput.daily(),
    putTps: rates(throughput.putTps()),
    getFoundTps: rates(throughput.getTps()),
    getMissTps: rates([0, 0, 0]),
    getTotalTps: rates(throughput.getTps()),
    getTransferredTps: rates(throughput.getTps()),
    putMessageTimesTotal: store.stats.putMessages,
    putMessageFailedTimes: store.stats.putFailed,
    putMessageSizeTotal: store.stats.putBytes,
    putMessageAverageSize: store.stats.putMessages === 0 ? 0 : store.stats.putBytes / store.stats.putMessages,
    dispatchBehindBytes: store.dispatchBehindBytes,
    remainHowManyDataToFlush: `${store.flushBehindBytes} B`,
    commitLogMinOffset: store.minPhysicalOffset,
    commitLogMaxOffset: store.maxPhysicalOffset,
    commitLogDiskRatio: used.toFixed(4),
    consumeQueueDiskRatio: used.toFixed(4),
    commitLogDirCapacity: `Total : ${humanBytes(space.totalBytes)}, Free : ${humanBytes(space.freeBytes)}.`,
    pageCacheLockTimeMills: 0,
    writable: store.writable.ok && (config.brokerPermission & PERM_WRITE) !== 0,
    ...queue('send', sends.outstanding, MAX_OUTSTANDING_SENDS),
    ...queue('pull', 0, 100_000),
    ...queue('litePull', 0, 100_000),
    ...queue('query', 0, 20_000),
    ...Object.fromEntries(
      [...schedule.progress()].map(({ level, delivered, max }) => [
        `scheduleMessageOffset_${level}`,
        `${delivered},${max}`,
      ]),
    ),
    timerReadBehind: Math.floor(timer.dequeueBehindMs / 1000),
    timerOffsetBehind: timer.enqueueBehindMessages,
    timerCongestNum: timer.pending,
    timerEnqueueTps: timer.throughput.putTps()[0]!.toFixed(1),
    timerDequeueTps: timer.throughput.getTps()[0]!.toFixed(1),
    EndTransactionQueueSize: 0,
    EndTransactionThreadPoolQueueCapacity: 100_000,
  })
}

function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ]
  return `[ ${days} days, ${hours} hours, ${minutes} minutes, ${seconds % 60} seconds ]`
}

function humanBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let at = 0
  while (bytes >= 1024 && at < units.length - 1) {
    bytes /= 1024
    at++
  }
  return `${bytes.toFixed(1)} ${units[at]}`
}
