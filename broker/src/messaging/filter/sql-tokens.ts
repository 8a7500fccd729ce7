import { FilterSyntaxError } from './filter-syntax-error.ts'

const KEYWORDS = [
  'NOT',
  'AND',
  'OR',
  'BETWEEN',
  'IN',
  'TRUE',
  'FALSE',
  'NULL',
  'IS',
  'CONTAINS',
  'STARTSWITH',
  'ENDSWITH',
] as const
type Keyword = (typeof KEYWORDS)[number]
type Sign = '=' | '<>' | '>' | '>=' | '<' | '<=' | '(' | ')' | ',' | '+' | '-'
export type TokenType = Keyword | Sign | 'name' | 'string' | 'integer' | 'float' | 'end'

export interface Token {
  readonly type: TokenType
  /** As written. */
  readonly text: string
  /** Index of its first character. */
  readonly at: number
}

const keywords: ReadonlySet<string> = new Set(KEYWORDS)

// Each is tried where the last token ended; of the numbers the longest wins (SelectorParser.jj).
const BLANKS = /[ \t\n\r\f]+/y
const LINE_COMMENT = /--[^\n\r]*(?:\r\n|\n|\r)/y
const BLOCK_COMMENT = /\/\*[^*]*\*(?:\*|[^*/][^*]*\*)*\//y
const NAME = /[A-Za-z_$][A-Za-z0-9_$]*/y
const STRING = /'(?:''|[^'])*'/y
const INTEGER = /0|[1-9][0-9]*[lL]?/y
const FLOAT = /[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+/y
const SIGN = /<>|<=|>=|[=<>(),+-]/y

/** Cuts an SQL92 expression into tokens, one at a time: what is behind the place where parsing ends is never looked at. */
export class SqlTokens {
  readonly text: string
  #at = 0

  constructor(text: string) {
    this.text = text
  }

  /** Throws FilterSyntaxError where no token begins. */
  next(): Token {
    this.#skip()
    const at = this.#at
    if (at >= this.text.length) return { type: 'end', text: '', at }
    const name = this.#match(NAME)
    if (name !== undefined) {
      const word = name.toUpperCase()
      return this.#take(keywords.has(word) ? (word as Keyword) : 'name', name)
    }
    const string = this.#match(STRING)
    if (string !== undefined) return this.#take('string', string)
    const integer = this.#match(INTEGER)
    const float = this.#match(FLOAT)
    if (float !== undefined && float.length > (integer?.length ?? 0)) return this.#take('float', float)
    if (integer !== undefined) return this.#take('integer', integer)
    const sign = this.#match(SIGN)
    if (sign !== undefined) return this.#take(sign as Sign, sign)
    const character = String.fromCodePoint(this.text.codePointAt(at)!)
    if (character === "'") throw new FilterSyntaxError(this.text, at, 'a string that does not end')
    if (this.text.startsWith('/*', at)) throw new FilterSyntaxError(this.text, at, 'a comment that does not end')
    throw new FilterSyntaxError(this.text, at, `found ${JSON.stringify(character)}, which no word or sign begins with`)
  }

  #skip(): void {
    for (;;) {
      const from = this.#at
      for (const pattern of [BLANKS, LINE_COMMENT, BLOCK_COMMENT]) this.#at += this.#match(pattern)?.length ?? 0
      if (this.#at === from) return
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    return pattern.exec(this.text)?.[0]
  }

  #take(type: TokenType, text: string): Token {
    const at = this.#at
    this.#at += text.length
    return { type, text, at }
  }
}
