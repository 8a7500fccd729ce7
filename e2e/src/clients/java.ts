import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileJava, type Installation, installApache, installClient } from '../apache/index.ts'
import { SILENT_LOGBACK } from '../apache/jvm.ts'
import type { Client, Command } from './client.ts'

/** Flags of every small Java program of the suites: it starts fast and writes nothing outside the run's directory. */
export function javaFlags(): string[] {
  const home = join(tmpdir(), 'java-home')
  const logback = join(home, 'logback.xml')
  // Once: a program that starts at this moment may be reading it.
  if (!existsSync(logback)) {
    mkdirSync(home, { recursive: true })
    writeFileSync(logback, SILENT_LOGBACK)
  }
  return [
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Xshare:auto',
    '--add-opens=java.base/java.nio=ALL-UNNAMED',
    '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
    `-Drmq.logback.configurationFile=${logback}`,
    `-Drocketmq.client.logRoot=${home}`,
    '-Drocketmq.client.logLevel=OFF',
    `-Duser.home=${home}`,
  ]
}

export async function javaCommand(source: string, installation: Installation): Promise<Command> {
  const path = fileURLToPath(new URL(`./java/${source}.java`, import.meta.url))
  const classPath = await compileJava(path, installation)
  return { command: 'java', args: [...javaFlags(), '-cp', classPath, source] }
}

export const java: Client = {
  name: 'java 5.5.0',
  prepare: async () => javaCommand('RocketClient', await installApache()),
  lacks: {},
}

export const oldJava: Client = {
  name: 'java 4.9.8',
  prepare: async () => javaCommand('RocketClient', await installClient()),
  lacks: {},
}
