import fc from 'fast-check'
import type { JavaNumber } from '../java-numbers.ts'
import type { Condition, Expression, Operand, Order, Where } from '../sql-expression.ts'

/** Expressions and properties that meet: few names, and values that are numbers, almost numbers, and no numbers. */
export const NAMES = ['a', 'b', 'c', '$d', 'E_1', 'TAGS'] as const

export const VALUES = [
  'a',
  'b',
  'true',
  'TRUE',
  'false',
  '',
  ' ',
  "it's",
  'häß',
  '😀',
  '0',
  '-0',
  '+1',
  '1',
  '5',
  '05',
  '5.0',
  '5.5',
  '-5',
  ' 5',
  '5 ',
  '5f',
  '1e1',
  '0x1p3',
  'NaN',
  '-Infinity',
  '2147483647',
  '2147483648',
  '-2147483649',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '٥',
  '1_000',
]

const integer = fc
  .oneof(
    fc.constantFrom(0n, 1n, 5n, 10n, 2147483647n, 2147483648n, 9007199254740993n, 9223372036854775807n),
    fc.bigInt(0n, 2n ** 63n - 1n),
  )
  .map(
    (value): JavaNumber =>
      value <= 2147483647n
        ? { type: 'int', value: Number(value) }
        : { type: 'long', value: value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value },
  )
const double = fc
  .oneof(
    fc.constantFrom(0, 0.5, 1, 5, 5.5, 10, 8, 1e300, 5e-324),
    fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  )
  .map((value): JavaNumber => ({ type: 'double', value: Math.abs(value) }))

const property = fc.constantFrom(...NAMES).map(name => ({ kind: 'property' as const, name }))
const number = fc.oneof(integer, double).map(value => ({ kind: 'number' as const, number: value }))
/** Java reads the digits of any script; the plain evaluation knows two of them. */
const isPlain = (value: string) => !/(?![0-9٠-٩])\p{Nd}/u.test(value)
const text = fc.oneof(fc.constantFrom(...VALUES), fc.string({ unit: 'grapheme', maxLength: 4 }).filter(isPlain))
const string = text.map(value => ({ kind: 'string' as const, text: value }))
const order = fc.constantFrom<Order>('>', '>=', '<', '<=')
const where = fc.constantFrom<Where>('CONTAINS', 'STARTSWITH', 'ENDSWITH')

/** Conditions in the shape that the parser gives them, and that Apache accepts. */
export const conditions = fc.letrec<{ condition: Condition; expression: Expression; ordered: Operand }>(tie => {
  const condition = tie('condition')
  const expression = tie('expression')
  const ordered = tie('ordered')
  const inBrackets = condition.map((of): Expression => (of.kind === 'asCondition' ? of.of : of))
  const negative = fc.oneof(expression, ordered).map(of => ({ kind: 'negative' as const, of }))
  const constant = fc.constantFrom(true, false).map(value => ({ kind: 'constant' as const, value }))
  // What a list of AND or OR has at its head is a list of its own only in brackets, which the printer writes.
  const parts = fc.array(condition, { minLength: 2, maxLength: 3 })
  const equal = fc
    .tuple(expression, expression)
    .filter(([left, right]) => !isNull(left) && !isNull(right))
    .filter(([left, right]) => !(left.kind === 'constant' && (right.kind === 'number' || right.kind === 'string')))
    .map(([left, right]): Condition => ({ kind: 'equal', left, right }))
  return {
    ordered: fc.oneof({ depthSize: 'small' }, property, number, negative),
    expression: fc.oneof({ depthSize: 'small' }, property, property, number, string, negative, inBrackets),
    condition: fc.oneof(
      { depthSize: 'small' },
      constant,
      fc.constant<Condition>({ kind: 'constant', value: null }),
      property.map((of): Condition => ({ kind: 'asCondition', of })),
      fc
        .tuple(order, ordered, ordered)
        .map(([sign, left, right]): Condition => ({ kind: 'compare', order: sign, left, right })),
      equal,
      fc
        .tuple(fc.constantFrom(...NAMES), fc.boolean(), fc.array(text, { minLength: 1, maxLength: 6 }))
        .map(([name, not, texts]): Condition => ({ kind: 'in', name, not, texts })),
      expression.map((of): Condition => ({ kind: 'isNull', of })),
      fc
        .tuple(where, fc.boolean(), expression, text)
        .map(([place, not, of, part]): Condition => ({ kind: 'search', where: place, not, of, text: part })),
      condition.map((of): Condition => ({ kind: 'not', of })),
      parts.map((list): Condition => ({ kind: 'and', parts: list })),
      parts.map((list): Condition => ({ kind: 'or', parts: list })),
    ),
  }
})

const isNull = (expression: Expression) => expression.kind === 'constant' && expression.value === null

/** What a message may carry: no empty names, values or separators, as in the wire's form. */
export const propertySets = fc.dictionary(
  fc.constantFrom(...NAMES, 'other'),
  text.filter(value => value !== '' && !value.includes('\u0001') && !value.includes('\u0002')),
)

/** The text of an expression, with as few brackets as the grammar needs, or `extra` ones. */
export function printSql(expression: Expression, extra = false): string {
  const print = (node: Expression): string => printSql(node, extra)
  /** As an operand of something that binds as tightly as a comparison. */
  const operand = (node: Expression): string =>
    extra || !['property', 'number', 'string', 'constant', 'asCondition'].includes(node.kind)
      ? `(${print(node)})`
      : print(node)
  switch (expression.kind) {
    case 'property':
      return expression.name
    case 'number':
      return printNumber(expression.number)
    case 'string':
      return quote(expression.text)
    case 'negative':
      return `- ${operand(expression.of)}`
    case 'constant':
      return expression.value === null ? 'null' : expression.value ? 'True' : 'FALSE'
    case 'asCondition':
      return expression.of.name
    case 'not':
      return `NOT ${operand(expression.of)}`
    case 'and':
      return expression.parts
        .map(part => (part.kind === 'and' || part.kind === 'or' ? `(${print(part)})` : print(part)))
        .join(' AND ')
    case 'or':
      return expression.parts.map(part => (part.kind === 'or' ? `(${print(part)})` : print(part))).join(' or ')
    case 'equal':
      return `${operand(expression.left)} = ${operand(expression.right)}`
    case 'compare':
      return `${operand(expression.left)} ${expression.order} ${operand(expression.right)}`
    case 'isNull':
      return `${operand(expression.of)} IS NULL`
    case 'search':
      return `${operand(expression.of)} ${expression.not ? 'NOT ' : ''}${expression.where} ${quote(expression.text)}`
    case 'in':
      return `${expression.name} ${expression.not ? 'NOT ' : ''}IN (${expression.texts.map(quote).join(', ')})`
  }
}

const quote = (value: string) => `'${value.replaceAll("'", "''")}'`

function printNumber({ type, value }: JavaNumber): string {
  if (type !== 'double') return String(value)
  const printed = String(value)
  return /[.e]/.test(printed) ? printed : `${printed}.0`
}
