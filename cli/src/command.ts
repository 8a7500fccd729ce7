import { parseArgs } from 'node:util'
import { didYouMean } from '@rocketcluster/crds/internal'

/** One option of a command. */
export interface Option {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly default?: string
  /** What stands for the value in the help: `FILE`. */
  readonly value?: string
  readonly help: string
  /** The command cannot do without it. */
  readonly required?: boolean
  readonly multiple?: boolean
}

export type Options = Readonly<Record<string, Option>>

/** Values of options as they were typed; defaults filled in. */
export type Values<O extends Options> = {
  readonly [Name in keyof O]: O[Name]['type'] extends 'boolean'
    ? boolean
    : O[Name] extends { multiple: true }
      ? readonly string[]
      : O[Name] extends { required: true } | { default: string }
        ? string
        : string | undefined
}

/** Where a command writes and how it is told to stop: the real ones in main, others in tests. */
export interface Terminal {
  out(text: string): void
  err(text: string): void
  /** Whether `out` is a screen that can be redrawn. */
  readonly isScreen: boolean
  /** Aborted by Ctrl-C, SIGTERM and SIGHUP. */
  readonly stop: AbortSignal
}

export interface Command {
  readonly name: string
  readonly summary: string
  readonly options: Options
  readonly examples: readonly string[]
  /** Resolves to the exit code. Throws UsageError and CommandError. */
  run(args: readonly string[], terminal: Terminal): Promise<number>
}

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command could not do what it was asked to: one sentence, exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

interface Definition<O extends Options> {
  name: string
  summary: string
  options: O
  examples?: readonly string[]
  run(values: Values<O>, terminal: Terminal): Promise<number>
}

/** Declares a command: its options are its help, its parser and its type. */
export function command<const O extends Options>({
  name,
  summary,
  options,
  examples = [],
  run,
}: Definition<O>): Command {
  return {
    name,
    summary,
    options,
    examples,
    run: (args, terminal) => run(readOptions(name, options, args), terminal),
  }
}

function readOptions<O extends Options>(name: string, options: O, args: readonly string[]): Values<O> {
  const unknown = args
    .filter(arg => arg.startsWith('--') && arg.length > 2)
    .map(arg => arg.slice(2).split('=')[0]!)
    .find(word => !Object.hasOwn(options, word))
  if (unknown !== undefined) {
    throw new UsageError(`there is no option --${unknown}${didYouMean(unknown, Object.keys(options))}`)
  }
  let values: Record<string, string | boolean | (string | boolean)[] | undefined>
  try {
    values = parseArgs({
      args: [...args],
      allowPositionals: false,
      options: Object.fromEntries(
        Object.entries(options).map(([option, { type, short, multiple }]) => [
          option,
          { type, ...(short === undefined ? {} : { short }), ...(multiple ? { multiple } : {}) },
        ]),
      ),
    }).values
  } catch (error) {
    // parseArgs explains at length how to write a positional argument that starts with a dash; the first sentence is ours.
    throw new UsageError((error as Error).message.split(/\. |\n/)[0]!)
  }
  for (const [option, { type, required, default: standard, value, multiple }] of Object.entries(options)) {
    if (values[option] === undefined && required) throw new UsageError(`${name} needs --${option} ${value ?? 'VALUE'}`)
    values[option] ??= type === 'boolean' ? false : multiple ? [] : standard
  }
  return values as Values<O>
}

/** The help of one command. */
export function helpOf({ name, summary, options, examples }: Command): string {
  const rows = Object.entries(options).map(([option, { short, value, type, help, default: standard }]) => {
    const flag = `${short === undefined ? '    ' : `-${short}, `}--${option}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`
    return [flag, standard === undefined ? help : `${help} (default ${standard})`] as const
  })
  const width = Math.max(...rows.map(([flag]) => flag.length), 0)
  const lines = rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}\n`)
  const shown = examples.length === 0 ? '' : `\nExamples:\n${examples.map(example => `  ${example}\n`).join('')}`
  return `rocketcluster ${name}: ${summary}\n\nOptions:\n${lines.join('')}${shown}`
}

/** A whole number of an option, or UsageError. */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new UsageError(`--${option} is "${text}"; allowed is a whole number from ${min} to ${max}`)
  }
  return value
}

/** One of a few words of an option, or UsageError. */
export function oneWord<const Word extends string>(option: string, text: string, words: readonly Word[]): Word {
  const word = words.find(known => known === text)
  if (word === undefined) throw new UsageError(`--${option} is "${text}"; allowed is ${words.join(' or ')}`)
  return word
}
