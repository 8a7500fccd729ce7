import { resolve } from 'node:path'
import { type ControllerConfig, controllerConfig } from '@rocketcluster/config'
import { type Disk, readTextFile } from '@rocketcluster/world'
import { type CommandLine, parseProcessArguments, UsageError } from '@rocketcluster/world/node'

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
  const text = path === undefined ? '' : await readTextFile(disk, path)
  if (text === undefined) throw new UsageError(`there is no file ${path}`)
  const { config, warnings } = controllerConfig.parse(
    text,
    // Run-time changes are saved in the file they were read from (ControllerStartup.java).
    path === undefined ? overrides : { ...overrides, configStorePath: path },
    {
      controllerStorePath: `${home}/controller/records`,
      configStorePath: `${home}/controller/controller.properties`,
    },
  )
  const absolute = {
    controllerStorePath: resolve(directory, config.controllerStorePath),
    configStorePath: resolve(directory, config.configStorePath),
  }
  return { config: { ...config, ...absolute }, warnings }
}
