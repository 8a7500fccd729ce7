/**
 * Java properties text, as java.util.Properties#load reads it: `key=value`, `key:value` or `key value`; `#` and `!`
 * start a comment; a backslash at the end of a line continues it; \t \n \r \f \uXXXX are escapes and any other escaped
 * character stands for itself.
 */
export interface Property {
  readonly key: string
  readonly value: string
  /** 1-based number of its first line. */
  readonly line: number
}

/** A properties text that cannot be read: `\u` without four hexadecimal digits. */
export class PropertiesError extends Error {
  override readonly name = 'PropertiesError'
  readonly line: number

  constructor(line: number, problem: string) {
    super(`line ${line}: ${problem}`)
    this.line = line
  }
}

/** All properties in order; a key that is repeated appears repeatedly. Throws PropertiesError. */
export function parseProperties(text: string): Property[] {
  return logicalLines(text).flatMap(({ content, line }) => (content === undefined ? [] : [property(content, line)]))
}

/** Writes properties that `parseProperties` reads back alike. */
export function printProperties(properties: Iterable<readonly [string, string]>): string {
  let text = ''
  for (const [key, value] of properties) text += `${encoded(key, true)}=${encoded(value, false)}\n`
  return text
}

/** The same text with some values replaced; comments and order stay, and new keys come last. */
export function editProperties(text: string, changes: ReadonlyMap<string, string>): string {
  const left = new Map(changes)
  const lines = logicalLines(text)
    .map(({ raw, content, line }) => {
      if (content === undefined) return raw
      const { key } = property(content, line)
      const value = changes.get(key)
      if (value === undefined) return raw
      left.delete(key)
      return printProperties([[key, value]])
    })
    .join('')
  const gap = left.size > 0 && lines !== '' && !lines.endsWith('\n') ? '\n' : ''
  return lines + gap + printProperties(left)
}

interface LogicalLine {
  /** The text as it stands, line ends included. */
  readonly raw: string
  /** Continuations joined and leading blanks gone; undefined for a blank line or a comment. */
  readonly content: string | undefined
  readonly line: number
}

function logicalLines(text: string): LogicalLine[] {
  const naturals = text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? []
  const lines: LogicalLine[] = []
  for (let i = 0; i < naturals.length; i++) {
    const line = i + 1
    let raw = naturals[i]!
    let content = strip(raw).replace(LEADING_BLANKS, '')
    // A byte order mark is what Windows editors leave before the first key.
    if (i === 0) content = content.replace(/^\ufeff/, '')
    if (content === '' || content[0] === '#' || content[0] === '!') {
      lines.push({ raw, content: undefined, line })
      continue
    }
    while (endsInOddBackslash(content)) {
      content = content.slice(0, -1)
      if (i + 1 >= naturals.length) break
      i++
      raw += naturals[i]!
      content += strip(naturals[i]!).replace(LEADING_BLANKS, '')
    }
    lines.push({ raw, content, line })
  }
  return lines
}

const LEADING_BLANKS = /^[ \t\f]+/

function strip(natural: string): string {
  return natural.replace(/[\r\n]+$/, '')
}

function endsInOddBackslash(line: string): boolean {
  const tail = /\\+$/.exec(line)
  return tail !== null && tail[0].length % 2 === 1
}

function property(content: string, line: number): Property {
  const match = /^((?:\\.|[^\\=: \t\f])*)[ \t\f]*(?:[=:][ \t\f]*)?(.*)$/s.exec(content)!
  return { key: decoded(match[1]!, line), value: decoded(match[2]!, line), line }
}

const ESCAPED: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function decoded(text: string, line: number): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|([\s\S])|$)/g, (_, code?: string, character?: string) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16))
    if (character === undefined) return ''
    if (character === 'u') throw new PropertiesError(line, '\\u is not followed by four hexadecimal digits')
    return ESCAPED[character] ?? character
  })
}

function encoded(text: string, isKey: boolean): string {
  const escaped = text.replace(
    /[\\\t\n\r\f]/g,
    character => `\\${{ '\t': 't', '\n': 'n', '\r': 'r', '\f': 'f' }[character] ?? '\\'}`,
  )
  if (isKey) return escaped.replace(/[=:#! ]/g, '\\$&')
  return escaped.replace(/^ +/, blanks => '\\ '.repeat(blanks.length))
}
