#!/usr/bin/env node
// JavaScript on purpose: a Node before 22 cannot even read the TypeScript behind it, and should say so in one sentence.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `rocketcluster needs Node 24 or newer, and this is Node ${process.versions.node}; in the repository, "npx rocketcluster" uses the one that "npm ci" brings\n`,
  )
  process.exit(1)
}
await import('../src/main.ts')
