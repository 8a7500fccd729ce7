export { run } from './cli.ts'
export { type Terminal, UsageError } from './command.ts'
export type { RunningCluster, RunningProcess } from './up/data-directory.ts'
