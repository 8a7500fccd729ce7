#!/usr/bin/env node
// Plain JavaScript on purpose: an older Node cannot even read the TypeScript behind it, and should say so in one sentence.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `rocketcluster needs Node 24 or newer and this is Node ${process.versions.node}; "npx rocketcluster" in the repository uses the one that "npm ci" brings.\n`,
  )
  process.exit(1)
}
const { enableCompileCache } = await import('node:module')
enableCompileCache?.()
await import('../src/main.ts')
