/**
 * One key of a configuration file: how its text is read and written, and what a reader of the reference page wants to
 * know. The builders below are the kinds of value that there are.
 */
export interface Setting<Value> {
  /** The word for it in the reference page. */
  readonly type: string
  /** Used when neither the file nor the machine says anything. */
  readonly default: Value
  /** One sentence. */
  readonly about: string
  readonly unit?: string
  /** What values there are, as it is said to a user: `0 to 6`, `true, false`. */
  readonly allowed: string
  /** Apache RocketMQ 5.5.0's default as text, where ours differs; `because` says why. */
  readonly apache?: string
  readonly because?: string
  /** Whether a change takes effect without a restart. */
  readonly live: boolean
  /** Why the key is accepted and has no effect in this version; absent when it has one. */
  readonly inert?: string
  /** The key in the file, when it cannot be the name of the field (`tls.server.mode`). */
  readonly key?: string
  /** A key that Apache RocketMQ does not have. */
  readonly ours?: boolean
  /** Not shown by `print`: passwords. */
  readonly secret?: boolean
  /** Where the default comes from when `default` only stands for "not set": `the host name`. */
  readonly defaultText?: string
  /** Throws BadValue with the rest of a sentence that starts with the key. */
  parse(text: string): Value
  print(value: Value): string
}

/** The value cannot be; the message reads on after `key: `. */
export class BadValue extends Error {
  override readonly name = 'BadValue'
}

export type Settings = Readonly<Record<string, Setting<any>>>
export type ConfigOf<S extends Settings> = {
  readonly [Key in keyof S]: S[Key] extends Setting<infer Value> ? Value : never
}

/** What all kinds share; `live` is false unless said. */
interface About<Value> {
  default: Value
  about: string
  unit?: string
  apache?: string
  because?: string
  live?: boolean
  inert?: string
  key?: string
  ours?: boolean
  secret?: boolean
  defaultText?: string
}

function setting<Value>(
  type: string,
  { live = false, ...about }: About<Value>,
  allowed: string,
  parse: (text: string) => Value,
  print: (value: Value) => string = String,
): Setting<Value> {
  return { type, ...about, live, allowed, parse, print }
}

const INT_MAX = 2 ** 31 - 1

interface Range {
  min?: number
  max?: number
  multipleOf?: number
}

/** A Java `int`; from 0 unless `min` says otherwise. */
export function int(about: About<number> & Range): Setting<number> {
  return whole('int', about, INT_MAX)
}

/** A Java `long`, as far as a number is exact: up to 2^53 - 1. */
export function long(about: About<number> & Range): Setting<number> {
  return whole('long', about, Number.MAX_SAFE_INTEGER)
}

/** A TCP port; 0 takes any free one. */
export function port(about: About<number>): Setting<number> {
  return whole('int', { ...about, min: 0, max: 65_535 }, 65_535)
}

function whole(type: string, { min = 0, max, multipleOf, ...about }: About<number> & Range, most: number) {
  const top = max ?? most
  const range = max === undefined ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`
  const allowed = multipleOf === undefined ? range : `${range}, a multiple of ${multipleOf}`
  return setting<number>(type, about, allowed, text => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
    if (Number.isNaN(value)) throw new BadValue(`"${text}" is not a whole number; allowed is ${allowed}`)
    if (value < min) throw new BadValue(`${text} is below ${min}; allowed is ${allowed}`)
    if (value > top) throw new BadValue(`${text} is above ${top}; allowed is ${allowed}`)
    if (multipleOf !== undefined && value % multipleOf !== 0) {
      const near = Math.ceil(value / multipleOf) * multipleOf
      throw new BadValue(`${text} is not a multiple of ${multipleOf}; the next one is ${near}`)
    }
    return value
  })
}

/** `true` or `false`, in any letter case. With `notYet`, `true` is refused: ignoring it would break a promise. */
export function bool({ notYet, ...about }: About<boolean> & { notYet?: string }): Setting<boolean> {
  const allowed = notYet === undefined ? 'true, false' : 'false'
  return setting<boolean>('boolean', about, allowed, text => {
    const word = text.toLowerCase()
    if (word !== 'true' && word !== 'false') throw new BadValue(`"${text}" is neither true nor false`)
    if (word === 'true' && notYet !== undefined) throw new BadValue(`true needs ${notYet}; allowed is false`)
    return word === 'true'
  })
}

/** Any text; `pattern` narrows it, and `allowed` says so in words. */
export function text(about: About<string> & { pattern?: RegExp; allowed?: string }): Setting<string> {
  const { pattern, allowed = 'any text', ...rest } = about
  return setting<string>('string', rest, allowed, value => {
    if (pattern !== undefined && !pattern.test(value)) throw new BadValue(`"${value}" is not ${allowed}`)
    return value
  })
}

/** One of a few words, exactly as written. `notYet` names words of Apache's that this version refuses, and why. */
export function oneOf<const Word extends string>(
  words: readonly Word[],
  { notYet = {}, ...about }: About<NoInfer<Word>> & { notYet?: Readonly<Record<string, string>> },
): Setting<Word> {
  const allowed = words.filter(word => notYet[word] === undefined).join(', ')
  return setting<Word>('string', about, allowed, value => {
    const reason = notYet[value]
    if (reason !== undefined) throw new BadValue(`${value} needs ${reason}; allowed is ${allowed}`)
    if (!words.includes(value as Word)) throw new BadValue(`"${value}" is not one of ${allowed}`)
    return value as Word
  })
}

/** Words between semicolons. */
export function list(about: About<readonly string[]>): Setting<readonly string[]> {
  return setting<readonly string[]>('string', about, 'names separated by ;', splitList, value => value.join(';'))
}

/** `host:port;host:port`; an IPv6 address stands in brackets. */
export function addresses(about: About<readonly string[]>): Setting<readonly string[]> {
  const allowed = 'host:port, several separated by ;'
  return setting<readonly string[]>(
    'string',
    about,
    allowed,
    value => {
      const all = splitList(value)
      for (const address of all) {
        const match = /^(?:\[[0-9a-fA-F:.%]+\]|[^\s:;[\]]+):(\d{1,5})$/.exec(address)
        const at = Number(match?.[1])
        if (!match || at < 1 || at > 65_535) throw new BadValue(`"${address}" is not an address; allowed is ${allowed}`)
      }
      return all
    },
    value => value.join(';'),
  )
}

/** Hours of the day, `04` or `04;16`. */
export function hours(about: About<readonly number[]>): Setting<readonly number[]> {
  const allowed = 'hours from 0 to 23, several separated by ;'
  return setting<readonly number[]>(
    'string',
    about,
    allowed,
    value => {
      const all = splitList(value)
      if (all.length === 0) throw new BadValue(`"${value}" names no hour; allowed is ${allowed}`)
      return all.map(hour => {
        if (!/^\d{1,2}$/.test(hour) || Number(hour) > 23)
          throw new BadValue(`"${hour}" is not an hour; allowed is ${allowed}`)
        return Number(hour)
      })
    },
    value => value.map(hour => String(hour).padStart(2, '0')).join(';'),
  )
}

const DELAY_UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `1s 5s 10m 2h 1d`: the delay of level 1, 2, …, in milliseconds. */
export function delays(about: About<readonly number[]>): Setting<readonly number[]> {
  const allowed = 'delays such as 1s 10m 2h 1d, separated by spaces'
  return setting<readonly number[]>(
    'string',
    about,
    allowed,
    value => {
      const words = value.split(/\s+/).filter(word => word !== '')
      if (words.length === 0) throw new BadValue(`"${value}" names no delay; allowed is ${allowed}`)
      return words.map(word => {
        const match = /^(\d+)([smhd])$/.exec(word)
        if (!match) throw new BadValue(`"${word}" is not a delay; allowed is ${allowed}`)
        const delayMs = Number(match[1]) * DELAY_UNIT_MS[match[2] as keyof typeof DELAY_UNIT_MS]
        if (!Number.isSafeInteger(delayMs)) throw new BadValue(`"${word}" is too long a delay; allowed is ${allowed}`)
        return delayMs
      })
    },
    value => value.map(printDelay).join(' '),
  )
}

function printDelay(delayMs: number): string {
  // An hour is written 1h and a minute 60s would be 1m, as in Apache's own default text.
  for (const unit of ['d', 'h', 'm'] as const) {
    if (delayMs > 0 && delayMs % DELAY_UNIT_MS[unit] === 0) return `${delayMs / DELAY_UNIT_MS[unit]}${unit}`
  }
  return `${delayMs / 1000}s`
}

function splitList(value: string): string[] {
  return value
    .split(';')
    .map(word => word.trim())
    .filter(word => word !== '')
}
