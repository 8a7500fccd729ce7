import { resolve } from 'node:path'
import { type Disk, DiskError } from '@rocketcluster/world'
import { type CommandLine, parseProcessArguments, UsageError } from '@rocketcluster/world/node'
import { type ControllerConfig, parseConfig } from './settings.ts'

export const USAGE = `Usage: mqcontroller [-c file] [-p] [--key=value ...]

  -c, --configFile file   read the keys of this properties file; run-time changes are saved there
  -p, --printConfigItem   print all keys with their values, and leave
  -h, --help              print this, and leave
  --key=value             any configuration key; wins over the file`

/** As `parseProcessArguments`. Throws UsageError. */
export const parseCommandLine = (args: readonly string[]): CommandLine => parseProcessArguments(args, USAGE)

/**
 * The configuration of a process: file, flags and what the machine says. Paths come out absolute. Throws ConfigError
 * with all that is wrong, UsageError when the file is missing, DiskError when it cannot be read.
 */
export async function loadConfig(
  disk: Disk,
  { configFile, overrides }: CommandLine,
  { home, directory }: { home: string; directory: string },
): Promise<{ config: ControllerConfig; warnings: readonly string[] }> {
  const path = configFile === undefined ? undefined : resolve(directory, configFile)
  const { config, warnings } = parseConfig(path === undefined ? '' : await readText(disk, path), {
    ...overrides,
    // Run-time changes are saved in the file they were read from (ControllerStartup.java).
    ...(path !== undefined && { configStorePath: path }),
  })
  const absolute = {
    controllerStorePath: resolve(directory, config.controllerStorePath || `${home}/controller/records`),
    configStorePath: resolve(directory, config.configStorePath || `${home}/controller/controller.properties`),
  }
  return { config: { ...config, ...absolute }, warnings }
}

async function readText(disk: Disk, path: string): Promise<string> {
  try {
    return Buffer.from(await disk.readFile(path)).toString('utf8')
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') throw new UsageError(`there is no file ${path}`)
    throw error
  }
}
