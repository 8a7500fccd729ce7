/** Sizes of one JVM's heap, as -Xms and -Xmx take them: '512m', '8g'. */
export interface Heap {
  readonly min: string
  readonly max: string
  /** Touches every page at the start, as Apache's scripts do for the broker. */
  readonly preTouch?: boolean
}

/** Enough for a test on a small machine. */
export const SMALL_HEAP: Heap = { min: '512m', max: '1g' }
/** What bin/runbroker.sh sets: for comparisons with Apache as it comes. */
export const APACHE_BROKER_HEAP: Heap = { min: '8g', max: '8g', preTouch: true }
/** What bin/runserver.sh sets for the name server. */
export const APACHE_NAME_SERVER_HEAP: Heap = { min: '4g', max: '4g' }

/** Flags of bin/runbroker.sh and bin/runserver.sh for Java 9 and newer, without their GC logs. */
export function jvmFlags(heap: Heap): string[] {
  return [
    `-Xms${heap.min}`,
    `-Xmx${heap.max}`,
    '-XX:+UseG1GC',
    '-XX:G1HeapRegionSize=16m',
    '-XX:G1ReservePercent=25',
    '-XX:InitiatingHeapOccupancyPercent=30',
    '-XX:SoftRefLRUPolicyMSPerMB=0',
    '-XX:-OmitStackTraceInFastThrow',
    ...(heap.preTouch ? ['-XX:+AlwaysPreTouch'] : []),
    '-XX:-UseLargePages',
    '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
    '--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED',
    '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
    '--add-opens=java.base/java.nio=ALL-UNNAMED',
    '--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED',
  ]
}

/** Warnings to standard output and nothing else: without it each process writes two dozen files into the home directory. */
export const LOGBACK = logback('WARN')
/** For programs whose output is their answer. */
export const SILENT_LOGBACK = logback('OFF')

function logback(level: string): string {
  return `<configuration>
  <appender name="OUT" class="org.apache.rocketmq.logging.ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level %logger{20} %msg%n</pattern></encoder>
  </appender>
  <root level="${level}"><appender-ref ref="OUT"/></root>
</configuration>
`
}
