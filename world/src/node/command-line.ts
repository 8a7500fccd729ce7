/** The command line cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface CommandLine {
  /** What to do: serve, or only print something. */
  readonly mode: 'serve' | 'print' | 'help'
  readonly configFile?: string
  /** Configuration keys given as flags. */
  readonly overrides: Readonly<Record<string, string>>
}

/**
 * Reads the arguments of a server process: Apache's flags (NamesrvStartup.java, ControllerStartup.java), and any key as
 * `--key=value` or `--key value`. Throws UsageError, which ends with `usage`.
 */
export function parseProcessArguments(args: readonly string[], usage: string): CommandLine {
  let mode: CommandLine['mode'] = 'serve'
  let configFile: string | undefined
  const overrides: Record<string, string> = {}
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const match = /^--?([^=]+)(?:=(.*))?$/s.exec(arg)
    if (!match) throw new UsageError(`"${arg}" is not a flag\n\n${usage}`)
    const [, name = '', inline] = match
    if (name === 'h' || name === 'help') mode = 'help'
    else if (name === 'p' || name === 'printConfigItem') mode = mode === 'help' ? 'help' : 'print'
    else {
      const value = inline ?? rest.shift()
      if (value === undefined) throw new UsageError(`${arg} needs a value\n\n${usage}`)
      if (name === 'c' || name === 'configFile') configFile = value
      else overrides[name] = value
    }
  }
  return { mode, configFile, overrides }
}
