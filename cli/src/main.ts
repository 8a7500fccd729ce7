#!/usr/bin/env node
// Little more than an import, so that an older Node gets as far as saying that it is too old.
import { enableCompileCache } from 'node:module'

const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(`rocketcluster needs Node 24 or newer, and this is Node ${process.versions.node}\n`)
  process.exit(1)
}
enableCompileCache()
const { main } = await import('./cli.ts')
await main()
