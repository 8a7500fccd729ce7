import type { JavaNumber } from '../java-numbers.ts'
import type { Expression } from '../sql-expression.ts'

/** Java's exception, which ends an evaluation. */
class Failed extends Error {}

type Value = string | boolean | null | { readonly long: bigint; readonly int: boolean } | { readonly double: number }

/** The rules once more, written as plainly as possible and sharing nothing with the compiler: what it is tested against. */
export function matchesPlainly(expression: Expression, properties: ReadonlyMap<string, string>): boolean {
  try {
    return evaluate(expression, properties) === true
  } catch (error) {
    if (error instanceof Failed) return false
    throw error
  }
}

function evaluate(node: Expression, properties: ReadonlyMap<string, string>): Value {
  const value = (of: Expression) => evaluate(of, properties)
  switch (node.kind) {
    case 'property':
      return properties.get(node.name) ?? null
    case 'string':
      return node.text
    case 'number':
      return constant(node.number)
    case 'negative': {
      const of = value(node.of)
      if (of === null || typeof of === 'string' || typeof of === 'boolean') return null
      return 'double' in of ? { double: -of.double } : { long: -of.long, int: of.int }
    }
    case 'constant':
      return node.value
    case 'asCondition':
      return properties.has(node.of.name) ? false : null
    case 'not': {
      const of = value(node.of)
      return of === null ? null : !of
    }
    case 'and':
    case 'or': {
      const decisive = node.kind === 'or'
      let unknown = false
      for (const part of node.parts) {
        const of = value(part)
        if (of === decisive) return decisive
        if (of === null) unknown = true
      }
      return unknown ? null : !decisive
    }
    case 'isNull':
      return value(node.of) === null
    case 'in': {
      const text = properties.get(node.name)
      return text === undefined ? null : node.texts.includes(text) !== node.not
    }
    case 'search': {
      if (node.text === '') return false
      const text = value(node.of)
      if (typeof text !== 'string') return false
      const at = text.indexOf(node.text)
      const found = {
        CONTAINS: at >= 0,
        STARTSWITH: at === 0,
        ENDSWITH: at >= 0 && text.lastIndexOf(node.text) === text.length - node.text.length,
      }[node.where]
      return found !== node.not
    }
    case 'compare': {
      const left = value(node.left)
      if (left === null) return null
      const right = value(node.right)
      if (right === null) return null
      const sign =
        typeof left === 'string' && typeof right === 'string'
          ? doubleSign(double(left), double(right))
          : numberSign(left, right)
      return { '>': sign > 0, '>=': sign >= 0, '<': sign < 0, '<=': sign <= 0 }[node.order]
    }
    case 'equal': {
      const left = value(node.left)
      const right = value(node.right)
      if (left === null) return right === null ? true : null
      if (right === null) return false
      if (typeof left === 'boolean') {
        if (typeof right === 'string') throw new Failed()
        return left === right
      }
      if (typeof right === 'boolean') return typeof left === 'string' ? /^true$/i.test(left) === right : false
      if (typeof left === 'string' && typeof right === 'string') return left === right
      return numberSign(left, right) === 0
    }
  }
}

const constant = ({ type, value }: JavaNumber): Value =>
  type === 'double' ? { double: Number(value) } : { long: BigInt(value), int: type === 'int' }

type NumberOrText = Exclude<Value, null | boolean>

function numberSign(left: Value, right: Value): number {
  const a = like(left as NumberOrText, right as NumberOrText)
  const b = like(right as NumberOrText, left as NumberOrText)
  if ('double' in a || 'double' in b) return doubleSign(asDouble(a), asDouble(b))
  return a.long < b.long ? -1 : a.long > b.long ? 1 : 0
}

type Numeric = Exclude<NumberOrText, string>

const asDouble = (of: Numeric) => ('double' in of ? of.double : Number(of.long))

/** A string becomes what stands on the other side. */
function like(of: NumberOrText, other: NumberOrText): Numeric {
  if (typeof of !== 'string') return of
  if (typeof other === 'string') throw new Error('two strings')
  if ('double' in other) return { double: double(of) }
  const match = /^([+-]?)([0-9٠-٩]+)$/.exec(of)
  if (!match) throw new Failed()
  const digits = match[2]!.replace(/[٠-٩]/g, digit => String(digit.charCodeAt(0) - 0x660))
  const long = BigInt(`${match[1] === '-' ? '-' : ''}${digits}`)
  const bits = other.int ? 31n : 63n
  if (long < -(2n ** bits) || long >= 2n ** bits) throw new Failed()
  return { long, int: other.int }
}

/** Java's trim takes all control characters away and no blanks beyond ASCII. */
function trimmedJava(text: string): string {
  const shown = [...text].map(character => character > ' ')
  return [...text].slice(Math.max(0, shown.indexOf(true)), shown.lastIndexOf(true) + 1).join('')
}

function double(text: string): number {
  const trimmed = trimmedJava(text)
  if (/^[+-]?NaN$/.test(trimmed)) return Number.NaN
  if (/^[+-]?Infinity$/.test(trimmed)) return Number(trimmed)
  if (trimmed === '0x1p3') return 8
  const number = trimmed.replace(/[fFdD]$/, '')
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(number)) throw new Failed()
  return Number(number)
}

function doubleSign(a: number, b: number): number {
  const rank = (of: number) => (Number.isNaN(of) ? 1 : 0)
  if (rank(a) !== rank(b)) return rank(a) - rank(b)
  if (a < b) return -1
  if (a > b) return 1
  const zero = (of: number) => (Object.is(of, -0) ? -1 : 0)
  return zero(a) - zero(b)
}
