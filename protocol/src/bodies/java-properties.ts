import type { BodyCodec } from '../request.ts'

/*
 * The text of java.util.Properties: the bodies of GET_BROKER_CONFIG and UPDATE_BROKER_CONFIG, and broker.conf itself.
 * Reading follows Properties.load: comments, continued lines, escapes, and three ways to separate name and value.
 */

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

/** Undoes the escapes of one name or value. A broken \u stands for itself: Java throws, but a config must not be lost for it. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g, (_, hex: string | undefined, c: string | undefined) =>
    hex === undefined ? (ESCAPES[c!] ?? c!) : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

/** Lines with their continuations joined: a line whose end is an odd number of backslashes goes on in the next. */
function* logicalLines(text: string): Iterable<string> {
  let held = ''
  let holding = false
  for (const physical of text.split(/\r\n|\n|\r/)) {
    const line = physical.replace(/^[ \t\f]+/, '')
    if (!holding && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue
    held += line
    const backslashes = /\\*$/.exec(held)![0].length
    holding = backslashes % 2 === 1
    if (holding) held = held.slice(0, -1)
    else {
      yield held
      held = ''
    }
  }
  if (held !== '') yield held
}

/** Where the name of a logical line ends: at the first `=`, `:` or white space that is not escaped. */
function nameEnd(line: string): number {
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!
    if (c === '\\') i++
    else if (c === '=' || c === ':' || c === ' ' || c === '\t' || c === '\f') return i
  }
  return line.length
}

/** Names and values in the order of the text; of lines with one name the last wins. Never throws: any text is some properties. */
export function parseJavaProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>()
  for (const line of logicalLines(text)) {
    const end = nameEnd(line)
    const value = line.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '')
    properties.set(unescaped(line.slice(0, end)), unescaped(value))
  }
  return properties
}

const NAME_SPECIAL = /[\\=:#! \t\n\r\f]/g
const NAMES: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\f': '\\f' }
const escapeOne = (c: string) => NAMES[c] ?? `\\${c}`

/** One `name=value` line each, such that `parseJavaProperties` gives the same back. Text is not turned into \u escapes. */
export function printJavaProperties(properties: ReadonlyMap<string, string>): string {
  let text = ''
  for (const [name, value] of properties) {
    text += `${name.replace(NAME_SPECIAL, escapeOne)}=${value.replace(/[\\\n\r\f\t]|^ /g, escapeOne)}\n`
  }
  return text
}

/**
 * As RocketMQ prints its own configuration in answers (MixAll.java#properties2String): no escapes, so a Windows path or a
 * regular expression reads as it is. Values must not hold a line break.
 */
export function printPlainProperties(properties: ReadonlyMap<string, string>): string {
  let text = ''
  for (const [name, value] of properties) text += `${name}=${value}\n`
  return text
}

/** The body of UPDATE_BROKER_CONFIG and its like. */
export const javaProperties: BodyCodec<Map<string, string>> = {
  encode: value => Buffer.from(printJavaProperties(value), 'utf8'),
  decode: bytes => parseJavaProperties(bytes.toString('utf8')),
}
