/** Apache RocketMQ from Maven Central, installed and run for tests, captures and benchmarks. */
export * from './install.ts'
export * from './java-program.ts'
export { APACHE_BROKER_HEAP, APACHE_NAME_SERVER_HEAP, type Heap, SMALL_HEAP } from './jvm.ts'
export { freeBrokerPort, freePort } from './ports.ts'
export type { ApacheProcess } from './process.ts'
export * from './servers.ts'
