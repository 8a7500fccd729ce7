import { didYouMean } from '@rocketcluster/crds/internal'
import { ConfigError, type ConfigProblem, ForbiddenKeyError } from './errors.ts'
import { editProperties, PropertiesError, parseProperties, printProperties } from './properties.ts'
import { BadValue, type ConfigOf, type Setting, type Settings } from './setting.ts'

/** Values by field name, as text or already typed; undefined means not given. */
export type Overrides<S extends Settings> = { readonly [Key in keyof S]?: ConfigOf<S>[Key] | string | undefined }

export interface Parsed<Config> {
  readonly config: Config
  /** One sentence per key that is known and has no effect. For the log. */
  readonly warnings: readonly string[]
}

export interface Updated<Config> extends Parsed<Config> {
  /** Field names whose value is another one now. */
  readonly changed: readonly (keyof Config & string)[]
  /** Those of them that take effect only when the process starts again. */
  readonly needRestart: readonly (keyof Config & string)[]
}

/** The keys of one configuration file, and what can be done with them. */
export interface ConfigSchema<S extends Settings> {
  readonly settings: S
  /** Keys of Apache's that we know and do not have, with the reason. */
  readonly ignored: ReadonlyMap<string, string>
  /**
   * Reads a properties file. `overrides` (a command line) win over the file, and the file wins over `machine` (what
   * only `main` can know: host name, addresses, home directory). Throws ConfigError with all that is wrong.
   */
  parse(text: string, overrides?: Overrides<S>, machine?: Overrides<S>): Parsed<ConfigOf<S>>
  /** Properties text of all keys, in the table's order; passwords are left out. */
  print(config: ConfigOf<S>): string
  /**
   * Applies a run-time change (properties text, or values by key). Throws ForbiddenKeyError for a key in `blackList`
   * and ConfigError for a bad one; then nothing is changed.
   */
  update(
    config: ConfigOf<S>,
    changes: string | Readonly<Record<string, string>>,
    blackList: readonly string[],
  ): Updated<ConfigOf<S>>
  /** The file's text after `changes` were accepted: comments and order stay. */
  edit(text: string, config: ConfigOf<S>, changed: readonly (keyof S & string)[]): string
}

/** A rule over several keys: a problem, or undefined. */
export type Check<S extends Settings> = (config: ConfigOf<S>) => { key: keyof S & string; message: string } | undefined

interface Definition<S extends Settings> {
  settings: S
  ignored: ReadonlyMap<string, string>
  /** Older spellings, each with the field it means. */
  aliases?: Readonly<Record<string, keyof S & string>>
  /** Fills in values that follow from others when nobody stated them. */
  derive?: (config: ConfigOf<S>) => Partial<ConfigOf<S>>
  checks: readonly Check<S>[]
}

export function configSchema<S extends Settings>({
  settings,
  ignored,
  aliases = {},
  derive = () => ({}),
  checks,
}: Definition<S>): ConfigSchema<S> {
  type Config = ConfigOf<S>
  type Field = keyof S & string
  const fields = Object.keys(settings) as Field[]
  const fieldOfKey = new Map<string, Field>(fields.map(field => [settings[field]!.key ?? field, field]))
  for (const [key, field] of Object.entries(aliases)) fieldOfKey.set(key, field as Field)
  const knownKeys = [...fieldOfKey.keys()]

  /** Reads the given texts over `base`; every problem lands in `problems`, every key without effect in `warnings`. */
  function read(
    given: Iterable<{ key: string; value: unknown; line?: number }>,
    problems: ConfigProblem[],
    warnings: string[],
  ): Partial<Record<Field, unknown>> {
    const values: Partial<Record<Field, unknown>> = {}
    for (const { key, value, line } of given) {
      const field = fieldOfKey.get(key)
      if (field === undefined) {
        const reason = ignored.get(key)
        if (reason !== undefined) warnings.push(`${key} has no effect: ${reason}`)
        else problems.push({ key, line, message: `there is no such key${didYouMean(key, knownKeys)}` })
        continue
      }
      const setting: Setting<unknown> = settings[field]!
      try {
        // Typed values take the way through their text, so that one set of rules holds for both.
        values[field] = setting.parse(typeof value === 'string' ? value.trim() : setting.print(value))
        if (setting.inert !== undefined && setting.print(values[field]) !== setting.print(setting.default)) {
          warnings.push(`${key} has no effect: ${setting.inert}`)
        }
      } catch (error) {
        if (!(error instanceof BadValue)) throw error
        problems.push({ key, line, message: error.message })
      }
    }
    return values
  }

  function check(config: Config, problems: ConfigProblem[]): void {
    // A rule over several keys says nothing useful while one of them is wrong by itself.
    if (problems.length === 0) {
      for (const rule of checks) {
        const problem = rule(config)
        if (problem) problems.push({ ...problem, key: settings[problem.key]!.key ?? problem.key })
      }
    }
    if (problems.length > 0) throw new ConfigError(problems)
  }

  const defaults = Object.fromEntries(fields.map(field => [field, settings[field]!.default])) as Config
  const keyOf = (field: Field) => settings[field]!.key ?? field

  return {
    settings,
    ignored,

    parse(text, overrides = {}, machine = {}) {
      const problems: ConfigProblem[] = []
      const warnings: string[] = []
      const layers = [
        read(byField(machine), problems, []),
        read(properties(text), problems, warnings),
        read(byField(overrides), problems, warnings),
      ]
      const stated = Object.assign({}, defaults, ...layers) as Config
      const config = Object.freeze({ ...stated, ...(problems.length === 0 ? derive(stated) : {}) })
      check(config, problems)
      return { config, warnings }
    },

    print(config) {
      const shown = fields.filter(field => !settings[field]!.secret)
      return printProperties(shown.map(field => [keyOf(field), settings[field]!.print(config[field])]))
    },

    update(config, changes, blackList) {
      const given = typeof changes === 'string' ? properties(changes) : entries(changes)
      const forbidden = given.map(({ key }) => key).filter(key => blackList.includes(key))
      if (forbidden.length > 0) throw new ForbiddenKeyError(forbidden)
      const problems: ConfigProblem[] = []
      const warnings: string[] = []
      const next: Config = Object.freeze(Object.assign({}, config, read(given, problems, warnings)) as Config)
      check(next, problems)
      const changed = fields.filter(
        field => settings[field]!.print(next[field]) !== settings[field]!.print(config[field]),
      )
      return { config: next, warnings, changed, needRestart: changed.filter(field => !settings[field]!.live) }
    },

    edit(text, config, changed) {
      return editProperties(text, new Map(changed.map(field => [keyOf(field), settings[field]!.print(config[field])])))
    },
  }

  function byField(values: Overrides<S>): { key: string; value: unknown }[] {
    return Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => ({ key: settings[field] ? keyOf(field as Field) : field, value }))
  }
}

function entries(values: Readonly<Record<string, string>>): { key: string; value: string; line?: number }[] {
  return Object.entries(values).map(([key, value]) => ({ key, value }))
}

function properties(text: string): { key: string; value: string; line?: number }[] {
  try {
    return parseProperties(text)
  } catch (error) {
    if (!(error instanceof PropertiesError)) throw error
    throw new ConfigError([{ key: 'properties', line: error.line, message: error.message.replace(/^line \d+: /, '') }])
  }
}
