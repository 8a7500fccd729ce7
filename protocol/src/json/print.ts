import { JavaDouble, type Printable } from './value.ts'

/**
 * A double as Java's Double.toString writes it: at least one digit behind the point, and an exponent below 10^-3 and from 10^7 on.
 * NaN and the infinities have no JSON form; fastjson writes null.
 */
export function printDouble(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const size = Math.abs(value)
  if (size >= 1e-3 && size < 1e7) {
    const text = String(value)
    return text.includes('.') ? text : `${text}.0`
  }
  // Java never writes fewer than two digits, and picks the nearest: 4.9E-324 where JavaScript says 5e-324.
  const shortest = value.toExponential()
  const [digits, exponent] = (shortest.includes('.') ? shortest : value.toExponential(1)).split('e')
  return `${digits}E${Number(exponent)}`
}

interface Dialect {
  /** Keys that are not text are quoted: `{"0":"a"}`. */
  readonly quoteKeys: boolean
  /** Integers that a double cannot hold are quoted. */
  readonly quoteLargeIntegers: boolean
  readonly pretty: boolean
}

const FASTJSON: Dialect = { quoteKeys: false, quoteLargeIntegers: false, pretty: false }
const STANDARD: Dialect = { quoteKeys: true, quoteLargeIntegers: true, pretty: false }
const PRETTY: Dialect = { quoteKeys: false, quoteLargeIntegers: false, pretty: true }

/**
 * Prints as fastjson does by default: one line, names of beans sorted, absent values left out, and the keys of Maps as
 * they are, so that `new Map([[0, 'a']])` becomes `{0:"a"}`. Only fastjson and `parse` read that back.
 */
export function print(value: Printable): string {
  return new Printer(FASTJSON).print(value, '')
}

/** As `print`, but JSON that any parser reads: fastjson's BrowserCompatible and MapSortField. */
export function printStandard(value: Printable): string {
  return new Printer(STANDARD).print(value, '')
}

/** As `print`, indented by tabs: RocketMQ's config/*.json files. */
export function printPretty(value: Printable): string {
  return new Printer(PRETTY).print(value, '')
}

class Printer {
  readonly #dialect: Dialect

  constructor(dialect: Dialect) {
    this.#dialect = dialect
  }

  /** `indent` is the line break and tabs in front of what stands at this level. */
  print(value: Printable, indent: string): string {
    switch (typeof value) {
      case 'string':
        return JSON.stringify(value)
      case 'number':
        return this.#number(value)
      case 'bigint':
        return this.#dialect.quoteLargeIntegers && BigInt.asIntN(54, value) !== value ? `"${value}"` : String(value)
      case 'boolean':
        return value ? 'true' : 'false'
      case 'undefined':
        return 'null'
    }
    if (value === null) return 'null'
    if (value instanceof JavaDouble) return printDouble(value.value)
    if (Array.isArray(value)) return this.#array(value as readonly Printable[], indent)
    if (value instanceof Map) return this.#map(value as ReadonlyMap<Printable, Printable>, indent)
    return this.#bean(value as { readonly [name: string]: Printable }, indent)
  }

  #number(value: number): string {
    return Number.isInteger(value) && Math.abs(value) < 1e21 ? String(value) : printDouble(value)
  }

  #array(items: readonly Printable[], indent: string): string {
    return this.#enclose(
      '[',
      items.map(item => this.print(item, this.#deeper(indent))),
      ']',
      indent,
    )
  }

  #map(map: ReadonlyMap<Printable, Printable>, indent: string): string {
    const inner = this.#deeper(indent)
    const parts: [key: string, text: string][] = []
    for (const [key, value] of map) {
      if (value === undefined || value === null) continue
      const printed = this.print(key, inner)
      const quoted = this.#dialect.quoteKeys && typeof key !== 'string' ? JSON.stringify(printed) : printed
      parts.push([quoted, `${quoted}:${this.print(value, inner)}`])
    }
    if (this.#dialect.quoteKeys) parts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    if (parts.length === 0) return '{}'
    return this.#enclose(
      '{',
      parts.map(([, text]) => text),
      '}',
      indent,
    )
  }

  #bean(bean: { readonly [name: string]: Printable }, indent: string): string {
    const inner = this.#deeper(indent)
    const parts: string[] = []
    for (const name of Object.keys(bean).sort()) {
      const value = bean[name]
      if (value !== undefined && value !== null) parts.push(`${JSON.stringify(name)}:${this.print(value, inner)}`)
    }
    return this.#enclose('{', parts, '}', indent)
  }

  #deeper(indent: string): string {
    return this.#dialect.pretty ? `${indent === '' ? '\n' : indent}\t` : ''
  }

  #enclose(open: string, parts: readonly string[], close: string, indent: string): string {
    if (!this.#dialect.pretty) return open + parts.join(',') + close
    const inner = this.#deeper(indent)
    return open + inner + parts.join(`,${inner}`) + (indent === '' ? '\n' : indent) + close
  }
}
