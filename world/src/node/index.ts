import { type Log, silentLog } from '../log.ts'
import type { World } from '../world.ts'
import { nodeClock } from './clock.ts'
import { nodeDisk } from './disk.ts'
import { nodeNetwork } from './network.ts'
import { nodeRandom } from './random.ts'

export { localAddress } from './addresses.ts'
export { nodeClock } from './clock.ts'
export { type CommandLine, parseProcessArguments, UsageError } from './command-line.ts'
export { nodeDisk } from './disk.ts'
export { type HttpAnswer, type HttpRoutes, serveHttp } from './http.ts'
export { type NodeLogOptions, nodeLog } from './log.ts'
export { nodeNetwork } from './network.ts'
export { nodeRandom } from './random.ts'
export { selfSignedCertificate } from './self-signed.ts'

/** The real machine. Without a `log` it is silent. */
export function nodeWorld(options: { readonly log?: Log } = {}): World {
  return {
    clock: nodeClock,
    disk: nodeDisk,
    network: nodeNetwork,
    random: nodeRandom,
    log: options.log ?? silentLog,
  }
}
export { machineBootId } from './machine-boot-id.ts'
export { type Running, runProcess } from './process.ts'
