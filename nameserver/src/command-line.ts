import { resolve } from 'node:path'
import { type NamesrvConfig, namesrvConfig } from '@rocketcluster/config'
import { type Disk, readTextFile } from '@rocketcluster/world'
import { type CommandLine, parseProcessArguments, UsageError } from '@rocketcluster/world/node'

export const USAGE = `Usage: mqnamesrv [-c file] [-p] [--key=value ...]

  -c, --configFile file   read the keys of this properties file; run-time changes are saved there
  -p, --printConfigItem   print all keys with their values, and leave
  -h, --help              print this, and leave
  --key=value             any configuration key; wins over the file`

/** As `parseProcessArguments`, with the configuration's field names. Throws UsageError. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { overrides, ...rest } = parseProcessArguments(args, USAGE)
  return {
    ...rest,
    overrides: Object.fromEntries(Object.entries(overrides).map(([key, value]) => [fieldOfKey(key), value])),
  }
}

/**
 * The configuration of a process: file, flags and what the machine says. Paths come out absolute. Throws ConfigError
 * with all that is wrong, UsageError when the file is missing, DiskError when it cannot be read.
 */
export async function loadConfig(
  disk: Disk,
  { configFile, overrides }: CommandLine,
  { home, directory }: { home: string; directory: string },
): Promise<{ config: NamesrvConfig; warnings: readonly string[] }> {
  const path = configFile === undefined ? undefined : resolve(directory, configFile)
  const text = path === undefined ? '' : await readTextFile(disk, path)
  if (text === undefined) throw new UsageError(`there is no file ${path}`)
  const { config, warnings } = namesrvConfig.parse(
    text,
    // Run-time changes are saved in the file they were read from (NamesrvStartup.java).
    path === undefined ? overrides : { ...overrides, configStorePath: path },
    { kvConfigPath: `${home}/namesrv/kvConfig.json`, configStorePath: `${home}/namesrv/namesrv.properties` },
  )
  const absolute = {
    kvConfigPath: resolve(directory, config.kvConfigPath),
    configStorePath: resolve(directory, config.configStorePath),
  }
  return { config: { ...config, ...absolute }, warnings }
}

/** Overrides go by field name, which is the key except where a key has dots (`tls.server.mode`). */
function fieldOfKey(key: string): string {
  const fields = Object.entries(namesrvConfig.settings)
  return fields.find(([, setting]) => setting.key === key)?.[0] ?? key
}
