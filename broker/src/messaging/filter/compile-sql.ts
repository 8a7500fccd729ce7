import type { MessageFilter } from '../../store/types.ts'
import {
  compareDoubles,
  compareNumbers,
  type JavaNumber,
  negated,
  parseJavaDouble,
  parseJavaInt,
  parseJavaLong,
} from './java-numbers.ts'
import { RecordProperties } from './record-properties.ts'
import { type Condition, type Expression, isCondition, type Order, type Where } from './sql-expression.ts'

/**
 * What a condition says of a message. FAILED stands for the exception that Apache's evaluation throws, say when a
 * property that is compared with a number holds none: it ends the whole evaluation, whatever stands beside it, and the
 * message does not match (ExpressionMessageFilter.java).
 */
const FALSE = 0
const TRUE = 1
const UNKNOWN = 2
const FAILED = 3
type Verdict = typeof FALSE | typeof TRUE | typeof UNKNOWN | typeof FAILED

type Judge = () => Verdict

/** A value as Java has it; undefined is null. */
type Value = string | boolean | JavaNumber | undefined
const FAILURE = Symbol('FAILED')
type Evaluate = () => Value | typeof FAILURE

const verdict = (value: boolean): Verdict => (value ? TRUE : FALSE)

/** Operators that one pull may evaluate; what it does not come to, the next one does. Some milliseconds. */
const OPERATORS_OF_A_PULL = 200_000
const LEAST_ENTRIES = 16

/** A filter that is ready: asked once for each message, it makes no objects where it compares with numbers or by `=`. */
export interface CompiledFilter extends MessageFilter {
  byRecord(record: Uint8Array): boolean
  readonly maxEntries: number
  /** Of encoded properties: `name 0x01 value 0x02 …`. */
  matchesProperties(properties: Uint8Array): boolean
}

export function compileSql(condition: Condition): CompiledFilter {
  const compiler = new Compiler()
  const judge = compiler.condition(condition)
  const properties = new RecordProperties(compiler.names)
  compiler.properties = properties
  return {
    maxEntries: Math.max(LEAST_ENTRIES, Math.floor(OPERATORS_OF_A_PULL / compiler.operators)),
    byEntry: () => true,
    byRecord(record) {
      properties.readRecord(record)
      return judge() === TRUE
    },
    matchesProperties(bytes) {
      properties.read(bytes, 0, bytes.length)
      return judge() === TRUE
    },
  }
}

class Compiler {
  /** Set before the first evaluation, when all names are known. */
  properties = new RecordProperties([])
  readonly names: string[] = []
  operators = 0
  readonly #indexes = new Map<string, number>()

  condition(node: Condition): Judge {
    this.operators++
    switch (node.kind) {
      case 'constant': {
        const constant = node.value === null ? UNKNOWN : verdict(node.value)
        return () => constant
      }
      case 'asCondition': {
        const index = this.#index(node.of.name)
        return () => (this.properties.has(index) ? FALSE : UNKNOWN)
      }
      case 'not':
        return not(this.condition(node.of))
      case 'and':
        return allOf(node.parts.map(part => this.condition(part)))
      case 'or':
        return anyOf(node.parts.map(part => this.condition(part)))
      case 'equal':
        return this.#equal(node.left, node.right)
      case 'compare':
        return this.#compare(node.order, node.left, node.right)
      case 'isNull':
        return this.#isNull(node.of)
      case 'search':
        return this.#search(node)
      case 'in':
        return this.#in(node.name, node.not, node.texts)
    }
  }

  #index(name: string): number {
    let index = this.#indexes.get(name)
    if (index === undefined) {
      index = this.names.push(name) - 1
      this.#indexes.set(name, index)
    }
    return index
  }

  /** Absent on the left is unknown, and only on the right it is false; two that are absent are equal: so says Apache. */
  #equal(left: Expression, right: Expression): Judge {
    if (left.kind === 'property' && right.kind === 'string') return this.#isText(left.name, right.text, UNKNOWN)
    if (left.kind === 'string' && right.kind === 'property') return this.#isText(right.name, left.text, FALSE)
    const leftNumber = numberOf(left)
    const rightNumber = numberOf(right)
    if (left.kind === 'property' && rightNumber) return this.#test(left.name, rightNumber, UNKNOWN, sign => sign === 0)
    if (leftNumber && right.kind === 'property') return this.#test(right.name, leftNumber, FALSE, sign => sign === 0)
    const evaluateLeft = this.#value(left)
    const evaluateRight = this.#value(right)
    return () => {
      const leftValue = evaluateLeft()
      if (leftValue === FAILURE) return FAILED
      const rightValue = evaluateRight()
      if (rightValue === FAILURE) return FAILED
      if (leftValue === undefined) return rightValue === undefined ? TRUE : UNKNOWN
      if (rightValue === undefined) return FALSE
      return equalValues(leftValue, rightValue)
    }
  }

  #isText(name: string, text: string, absent: Verdict): Judge {
    const index = this.#index(name)
    const bytes = Buffer.from(text, 'utf8')
    // Bytes that are no UTF-8 read as U+FFFD, in Java too: then only the texts can be compared.
    if (text.includes('\ufffd') || bytes.toString('utf8') !== text) {
      return () => (this.properties.has(index) ? verdict(this.properties.text(index) === text) : absent)
    }
    return () => (this.properties.has(index) ? verdict(this.properties.is(index, bytes)) : absent)
  }

  /** A property against a number; `holds` gets the sign of property - number. */
  #test(name: string, number: JavaNumber, absent: Verdict, holds: (sign: number) => boolean): Judge {
    const index = this.#index(name)
    const [less, same, more] = [verdict(holds(-1)), verdict(holds(0)), verdict(holds(1))]
    const { type, value } = number
    // Nine digits fit into an int, fifteen into a number exactly.
    const digits = type === 'int' ? 9 : 15
    return () => {
      const { properties } = this
      if (!properties.has(index)) return absent
      const short = properties.shortInteger(index, digits)
      // "-0" is below 0.0 to Java, and not below 0.
      if (short !== undefined && !(type === 'double' && short === 0))
        return short < value ? less : short > value ? more : same
      const sign = signOf(properties.text(index)!, number)
      return sign === undefined ? FAILED : sign < 0 ? less : sign > 0 ? more : same
    }
  }

  #compare(order: Order, left: Expression, right: Expression): Judge {
    const holds = holdsFor(order)
    const leftNumber = numberOf(left)
    const rightNumber = numberOf(right)
    if (left.kind === 'property' && rightNumber) return this.#test(left.name, rightNumber, UNKNOWN, holds)
    if (leftNumber && right.kind === 'property')
      return this.#test(right.name, leftNumber, UNKNOWN, sign => holds(0 - sign))
    const evaluateLeft = this.#value(left)
    const evaluateRight = this.#value(right)
    return () => {
      const leftValue = evaluateLeft()
      if (leftValue === undefined) return UNKNOWN
      if (leftValue === FAILURE) return FAILED
      const rightValue = evaluateRight()
      if (rightValue === undefined) return UNKNOWN
      if (rightValue === FAILURE) return FAILED
      const sign = signOfValues(leftValue, rightValue)
      return sign === undefined ? FAILED : verdict(holds(sign))
    }
  }

  #isNull(of: Expression): Judge {
    if (of.kind === 'property') {
      const index = this.#index(of.name)
      return () => verdict(!this.properties.has(index))
    }
    const evaluate = this.#value(of)
    return () => {
      const value = evaluate()
      return value === FAILURE ? FAILED : verdict(value === undefined)
    }
  }

  #search({ where, not, of, text }: Condition & { readonly kind: 'search' }): Judge {
    // Found or not, an empty text is neither contained nor not contained; the operand is not even looked at.
    if (text === '') return () => FALSE
    const found = searches[where]
    if (of.kind === 'property') {
      const index = this.#index(of.name)
      return () => {
        const value = this.properties.text(index)
        return value === undefined ? FALSE : verdict(found(value, text) !== not)
      }
    }
    const evaluate = this.#value(of)
    return () => {
      const value = evaluate()
      if (value === FAILURE) return FAILED
      return verdict(typeof value === 'string' && found(value, text) !== not)
    }
  }

  #in(name: string, not: boolean, texts: readonly string[]): Judge {
    const index = this.#index(name)
    const set = new Set(texts)
    return () => {
      const value = this.properties.text(index)
      return value === undefined ? UNKNOWN : verdict(set.has(value) !== not)
    }
  }

  #value(node: Expression): Evaluate {
    if (isCondition(node)) {
      const judge = this.condition(node)
      return () => truthOf(judge())
    }
    const number = numberOf(node)
    if (number) return () => number
    this.operators++
    switch (node.kind) {
      case 'property': {
        const index = this.#index(node.name)
        return () => this.properties.text(index)
      }
      case 'string':
        return () => node.text
      case 'number':
        return () => node.number
      case 'negative': {
        // Only numbers have a negative, and a property is a string until it is compared.
        const evaluate = this.#value(node.of)
        return () => (evaluate() === FAILURE ? FAILURE : undefined)
      }
    }
  }
}

function truthOf(judged: Verdict): boolean | undefined | typeof FAILURE {
  switch (judged) {
    case TRUE:
      return true
    case FALSE:
      return false
    case UNKNOWN:
      return undefined
    case FAILED:
      return FAILURE
  }
}

/** A number as written, with its signs. */
function numberOf(node: Expression): JavaNumber | undefined {
  if (node.kind === 'number') return node.number
  if (node.kind !== 'negative') return undefined
  const number = numberOf(node.of)
  return number && negated(number)
}

const not =
  (of: Judge): Judge =>
  () => {
    const judged = of()
    return judged === TRUE ? FALSE : judged === FALSE ? TRUE : judged
  }

/** From left to right until one is false, or fails. */
const allOf =
  (parts: readonly Judge[]): Judge =>
  () => {
    let all: Verdict = TRUE
    for (let i = 0; i < parts.length; i++) {
      const judged = parts[i]!()
      if (judged === FALSE || judged === FAILED) return judged
      if (judged === UNKNOWN) all = UNKNOWN
    }
    return all
  }

const anyOf =
  (parts: readonly Judge[]): Judge =>
  () => {
    let any: Verdict = FALSE
    for (let i = 0; i < parts.length; i++) {
      const judged = parts[i]!()
      if (judged === TRUE || judged === FAILED) return judged
      if (judged === UNKNOWN) any = UNKNOWN
    }
    return any
  }

const searches: Readonly<Record<Where, (text: string, part: string) => boolean>> = {
  CONTAINS: (text, part) => text.includes(part),
  STARTSWITH: (text, part) => text.startsWith(part),
  ENDSWITH: (text, part) => text.endsWith(part),
}

function holdsFor(order: Order): (sign: number) => boolean {
  switch (order) {
    case '>':
      return sign => sign > 0
    case '>=':
      return sign => sign >= 0
    case '<':
      return sign => sign < 0
    case '<=':
      return sign => sign <= 0
  }
}

/** The sign of text - number, the text read as what the number is. undefined when it is no such number. */
function signOf(text: string, number: JavaNumber): number | undefined {
  switch (number.type) {
    case 'int': {
      const value = parseJavaInt(text)
      return value === undefined ? undefined : compareNumbers({ type: 'int', value }, number)
    }
    case 'long': {
      const value = parseJavaLong(text)
      return value === undefined ? undefined : compareNumbers({ type: 'long', value }, number)
    }
    case 'double': {
      const value = parseJavaDouble(text)
      return value === undefined ? undefined : compareDoubles(value, number.value)
    }
  }
}

/** By size: two strings are compared as doubles. undefined when one of them is no number. */
function signOfValues(left: string | boolean | JavaNumber, right: string | boolean | JavaNumber): number | undefined {
  if (typeof left === 'boolean' || typeof right === 'boolean') return undefined
  if (typeof left !== 'string') {
    if (typeof right !== 'string') return compareNumbers(left, right)
    const sign = signOf(right, left)
    return sign === undefined ? undefined : 0 - sign
  }
  if (typeof right !== 'string') return signOf(left, right)
  const leftDouble = parseJavaDouble(left)
  const rightDouble = parseJavaDouble(right)
  if (leftDouble === undefined || rightDouble === undefined) return undefined
  return compareDoubles(leftDouble, rightDouble)
}

/** What is there on both sides. Strings are compared as strings, and become what they are compared with. */
function equalValues(left: string | boolean | JavaNumber, right: string | boolean | JavaNumber): Verdict {
  if (typeof left === 'string' && typeof right === 'string') return verdict(left === right)
  if (typeof left === 'boolean') {
    // Java's cast of the Boolean to a String fails here; the other way round it works (ComparisonExpression.java).
    if (typeof right === 'string') return FAILED
    return verdict(left === right)
  }
  if (typeof right === 'boolean') return verdict(typeof left === 'string' && (left.toLowerCase() === 'true') === right)
  const sign = signOfValues(left, right)
  return sign === undefined ? FAILED : verdict(sign === 0)
}
