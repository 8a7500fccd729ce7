import { FilterSyntaxError } from './filter-syntax-error.ts'
import { compareNumbers, exact, type JavaNumber } from './java-numbers.ts'
import { type Condition, type Expression, isCondition, type Operand, type Order, type Where } from './sql-expression.ts'
import { SqlTokens, type Token, type TokenType } from './sql-tokens.ts'

/** The longest expression, in characters: a heartbeat repeats it every 30 s, and a pull may. */
export const MAX_LENGTH = 65_536
/** How deep it may nest. Apache's parser takes what the stack of its thread takes. */
export const MAX_DEPTH = 256

const INT_MAX = 2n ** 31n - 1n
const LONG_MAX = 2n ** 63n - 1n

/**
 * Parses an SQL92 filter by the grammar of Apache's SelectorParser.jj: the same keywords, literals, comments and
 * precedence, and what it refuses beyond the grammar (comparing what has no order, a BETWEEN the wrong way round).
 * Stricter in one thing: nothing may follow the expression. Apache's parser stops where it cannot go on and ignores the
 * rest, so that `a LIKE 'x%'` silently matches nothing. Throws FilterSyntaxError.
 */
export function parseSql(text: string): Condition {
  if (text.length > MAX_LENGTH)
    throw new FilterSyntaxError(
      text,
      MAX_LENGTH,
      `the expression has ${text.length} characters, the most are ${MAX_LENGTH}`,
    )
  return new SqlParser(text).parse()
}

class SqlParser {
  readonly #text: string
  readonly #tokens: SqlTokens
  #token: Token
  /** Brackets and signs that are open. */
  #open = 0
  /** How high the tree below a node is; evaluation goes as deep. */
  readonly #heights = new Map<Expression, number>()

  constructor(text: string) {
    this.#text = text
    this.#tokens = new SqlTokens(text)
    this.#token = this.#tokens.next()
  }

  parse(): Condition {
    const start = this.#token
    const expression = this.#or()
    // A comment that ends with the text is no comment to Apache's lexer, and ignored all the same.
    if (this.#token.type !== 'end' && !this.#text.startsWith('--', this.#token.at))
      throw this.#unexpected('an operator, AND, OR or the end')
    return this.#condition(expression, start)
  }

  #or(): Expression {
    return this.#chain('OR', 'or', () => this.#and())
  }

  #and(): Expression {
    return this.#chain('AND', 'and', () => this.#equality())
  }

  #chain(keyword: 'OR' | 'AND', kind: 'or' | 'and', part: () => Expression): Expression {
    const start = this.#token
    const first = part()
    if (this.#token.type !== keyword) return first
    const parts = [this.#condition(first, start)]
    while (this.#skip(keyword)) {
      const at = this.#token
      parts.push(this.#condition(part(), at))
    }
    return this.#node({ kind, parts }, parts)
  }

  #equality(): Expression {
    const start = this.#token
    let left = this.#comparison()
    for (;;) {
      const sign = this.#token
      if (this.#skip('=')) left = this.#equal(left, start, sign)
      else if (this.#skip('<>')) left = this.#not(this.#equal(left, start, sign))
      else if (this.#skip('IS')) {
        const negative = this.#skip('NOT')
        this.#expect('NULL', negative ? 'NULL' : 'NULL or NOT NULL')
        const isNull = this.#node({ kind: 'isNull', of: left }, [left])
        left = negative ? this.#not(isNull) : isNull
      } else return left
    }
  }

  #equal(left: Expression, start: Token, sign: Token): Condition {
    const at = this.#token
    const right = this.#comparison()
    if (isNullWord(left)) throw this.#wrong(start, 'NULL cannot be compared, use IS NULL')
    if (isNullWord(right)) throw this.#wrong(at, 'NULL cannot be compared, use IS NULL or IS NOT NULL')
    if (left.kind === 'constant' && (right.kind === 'number' || right.kind === 'string'))
      throw this.#wrong(sign, `TRUE and FALSE cannot be compared with a ${right.kind}`)
    return this.#node({ kind: 'equal', left, right }, [left, right])
  }

  #comparison(): Expression {
    const start = this.#token
    let left = this.#unary()
    for (;;) {
      const sign = this.#token
      switch (sign.type) {
        case '>':
        case '>=':
        case '<':
        case '<=': {
          this.#next()
          const at = this.#token
          left = this.#compare(sign.type, this.#ordered(left, start), this.#ordered(this.#unary(), at))
          break
        }
        case 'CONTAINS':
        case 'STARTSWITH':
        case 'ENDSWITH':
        case 'BETWEEN':
        case 'IN':
          this.#next()
          left = this.#wordComparison(sign.type, false, left, start)
          break
        case 'NOT': {
          this.#next()
          const { type } = this.#token
          if (!isWordComparison(type)) throw this.#unexpected('CONTAINS, STARTSWITH, ENDSWITH, BETWEEN or IN after NOT')
          this.#next()
          left = this.#wordComparison(type, true, left, start)
          break
        }
        default:
          return left
      }
    }
  }

  #wordComparison(word: Where | 'BETWEEN' | 'IN', not: boolean, left: Expression, start: Token): Condition {
    if (word === 'BETWEEN') return this.#between(not, left, start)
    if (word === 'IN') return this.#in(not, left, start)
    return this.#node({ kind: 'search', where: word, not, of: left, text: this.#string() }, [left])
  }

  #between(not: boolean, left: Expression, start: Token): Condition {
    const lowAt = this.#token
    const lowest = this.#unary()
    this.#expect('AND', 'AND between the two values of BETWEEN')
    const highAt = this.#token
    const highest = this.#unary()
    const value = this.#ordered(left, start)
    const low = this.#ordered(lowest, lowAt)
    const high = this.#ordered(highest, highAt)
    // Negative numbers are computed, to Apache, and not looked at here.
    if (!not && low.kind === 'number' && high.kind === 'number' && compareNumbers(low.number, high.number) > 0)
      throw this.#wrong(highAt, `${highAt.text} is less than ${lowAt.text}: no value is BETWEEN them`)
    const parts = not
      ? [this.#compare('<', value, low), this.#compare('>', value, high)]
      : [this.#compare('>=', value, low), this.#compare('<=', value, high)]
    return this.#node({ kind: not ? 'or' : 'and', parts }, parts)
  }

  #in(not: boolean, left: Expression, start: Token): Condition {
    this.#expect('(', '( and the strings of IN')
    const texts = [this.#string()]
    while (this.#skip(',')) texts.push(this.#string())
    this.#expect(')', ', or ) after a string of IN')
    if (left.kind !== 'property') throw this.#wrong(start, 'IN takes the name of a property on its left')
    return this.#node({ kind: 'in', not, name: left.name, texts }, [left])
  }

  #unary(): Expression {
    const start = this.#token
    if (this.#skip('+')) return this.#nested(start, () => this.#unary())
    if (this.#skip('-')) {
      const of = this.#nested(start, () => this.#unary())
      return this.#node({ kind: 'negative', of }, [of])
    }
    if (this.#skip('NOT')) {
      const at = this.#token
      return this.#not(
        this.#condition(
          this.#nested(start, () => this.#unary()),
          at,
        ),
      )
    }
    return this.#primary()
  }

  #primary(): Expression {
    const token = this.#token
    switch (token.type) {
      case 'string':
        return this.#node({ kind: 'string', text: this.#string() }, [])
      case 'integer':
        this.#next()
        return this.#node({ kind: 'number', number: this.#integer(token) }, [])
      case 'float':
        this.#next()
        return this.#node({ kind: 'number', number: this.#float(token) }, [])
      case 'TRUE':
      case 'FALSE':
      case 'NULL':
        this.#next()
        return this.#node({ kind: 'constant', value: token.type === 'NULL' ? null : token.type === 'TRUE' }, [])
      case 'name':
        this.#next()
        return this.#node({ kind: 'property', name: token.text }, [])
      case '(': {
        this.#next()
        const inner = this.#nested(token, () => this.#or())
        this.#expect(')', 'an operator or )')
        return inner
      }
      default:
        throw this.#unexpected('the name of a property, a string, a number, TRUE, FALSE, NULL, NOT, + - or (')
    }
  }

  #integer(token: Token): JavaNumber {
    const value = BigInt(token.text.replace(/[lL]$/, ''))
    if (value > LONG_MAX) throw this.#wrong(token, `${token.text} is greater than ${LONG_MAX}`)
    // The suffix says nothing: what fits into an int is one (ConstantExpression.java).
    return value <= INT_MAX ? { type: 'int', value: Number(value) } : { type: 'long', value: exact(value) }
  }

  #float(token: Token): JavaNumber {
    const value = Number(token.text)
    if (value === Number.POSITIVE_INFINITY)
      throw this.#wrong(token, `${token.text} is greater than ${Number.MAX_VALUE}`)
    // Apache refuses 0.0 with the numbers that would become 0. It is a number like others.
    if (value === 0 && /[1-9]/.test(token.text.replace(/[eE].*/, '')))
      throw this.#wrong(token, `${token.text} is less than ${Number.MIN_VALUE}`)
    return { type: 'double', value }
  }

  #string(): string {
    const { text } = this.#expect('string', 'a string in single quotes')
    return text.slice(1, -1).replaceAll("''", "'")
  }

  /** What has an order: a number, or a property that may hold one. */
  #ordered(expression: Expression, at: Token): Operand {
    if (expression.kind === 'string' || isCondition(expression))
      throw this.#wrong(at, 'only numbers and properties can be compared by size')
    return expression
  }

  #compare(order: Order, left: Operand, right: Operand): Condition {
    return this.#node({ kind: 'compare', order, left, right }, [left, right])
  }

  #condition(expression: Expression, at: Token): Condition {
    if (isCondition(expression)) return expression
    if (expression.kind === 'property') return this.#node({ kind: 'asCondition', of: expression }, [expression])
    throw this.#wrong(at, 'this is a value; a condition is wanted')
  }

  #not(of: Condition): Condition {
    return this.#node({ kind: 'not', of }, [of])
  }

  #node<E extends Expression>(node: E, children: readonly Expression[]): E {
    let height = 0
    for (const child of children) height = Math.max(height, this.#heights.get(child)!)
    if (height >= MAX_DEPTH) throw this.#tooDeep(this.#token)
    this.#heights.set(node, height + 1)
    return node
  }

  #nested<T>(at: Token, parse: () => T): T {
    if (++this.#open > MAX_DEPTH) throw this.#tooDeep(at)
    const inner = parse()
    this.#open--
    return inner
  }

  #next(): Token {
    const token = this.#token
    this.#token = this.#tokens.next()
    return token
  }

  #skip(type: TokenType): boolean {
    if (this.#token.type !== type) return false
    this.#next()
    return true
  }

  #expect(type: TokenType, expected: string): Token {
    if (this.#token.type !== type) throw this.#unexpected(expected)
    return this.#next()
  }

  #tooDeep(at: Token): FilterSyntaxError {
    return this.#wrong(at, `the expression nests deeper than ${MAX_DEPTH} levels`)
  }

  #unexpected(expected: string): FilterSyntaxError {
    const { type, text } = this.#token
    return this.#wrong(this.#token, `found ${type === 'end' ? 'the end' : text.slice(0, 40)}, expected ${expected}`)
  }

  #wrong(at: Token, problem: string): FilterSyntaxError {
    return new FilterSyntaxError(this.#text, at.at, problem)
  }
}

const isNullWord = (expression: Expression) => expression.kind === 'constant' && expression.value === null

const isWordComparison = (type: TokenType): type is Where | 'BETWEEN' | 'IN' =>
  type === 'CONTAINS' || type === 'STARTSWITH' || type === 'ENDSWITH' || type === 'BETWEEN' || type === 'IN'
