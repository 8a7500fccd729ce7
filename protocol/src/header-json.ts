import type { Buffer } from 'node:buffer'
import type { CommandHeader, ExtFields } from './command.ts'
import { MalformedError } from './errors.ts'
import { type Json, parse, print } from './json/fastjson.ts'
import { type Language, languageOfCode, languageOfName } from './language.ts'
import { utf8Text } from './utf8.ts'

/**
 * The JSON form of a header, as lenient as Apache's parser (fastjson): members nobody knows are ignored, absent ones have
 * Java's defaults, numbers may be texts, and values in extFields that are not texts become their JSON.
 * Throws MalformedError.
 */
export function decodeJsonHeader(buffer: Buffer, start: number, end: number): CommandHeader {
  const text = utf8Text(buffer, start, end, 'header')
  let root: Json
  try {
    root = JSON.parse(text)
  } catch {
    root = parse(text)
  }
  let ext = member(root, 'extFields')
  if (ext !== undefined && !isTextual(ext)) {
    // Rare: read again by the parser that keeps all digits of a number and limits the depth.
    root = parse(text)
    ext = member(root, 'extFields')
  }
  if (typeof root !== 'object' || root === null || Array.isArray(root))
    throw new MalformedError(`header ${excerpt(text)} is not a JSON object`)
  const remark = member(root, 'remark')
  return {
    code: int(root, 'code', 0),
    language: language(member(root, 'language')),
    version: int(root, 'version', 0),
    opaque: int(root, 'opaque', 0),
    flag: int(root, 'flag', 0),
    remark: remark === undefined || typeof remark === 'string' ? remark : textOf(remark),
    extFields: extFields(ext),
  }
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}

/** A member that is there and not null. */
function member(root: Json, name: string): Json | undefined {
  if (typeof root !== 'object' || root === null) return undefined
  if (root instanceof Map) return root.get(name) ?? undefined
  return Object.hasOwn(root, name) ? ((root as Record<string, Json>)[name] ?? undefined) : undefined
}

const INT_MAX = 2 ** 31 - 1

function int(root: Json, name: string, absent: number): number {
  const given = member(root, name)
  if (given === undefined) return absent
  const value = typeof given === 'string' && /^[+-]?\d{1,10}$/.test(given) ? Number(given) : given
  if (typeof value === 'number' && Number.isInteger(value) && value <= INT_MAX && value >= -INT_MAX - 1)
    return value + 0
  throw new MalformedError(
    `header: ${name} ${excerpt(textOf(given))} is not an integer from ${-INT_MAX - 1} to ${INT_MAX}`,
  )
}

function language(given: Json | undefined): Language {
  if (given === undefined) return 'JAVA'
  if (typeof given === 'string') return languageOfName(given)
  return typeof given === 'number' ? languageOfCode(given) : 'OTHER'
}

const NO_EXT: ExtFields = Object.freeze({})

function isTextual(ext: Json): boolean {
  if (typeof ext !== 'object' || ext === null || Array.isArray(ext) || ext instanceof Map) return false
  for (const name in ext) if (typeof ext[name] !== 'string') return false
  return true
}

function extFields(ext: Json | undefined): ExtFields {
  if (ext === undefined) return NO_EXT
  if (isTextual(ext)) return ext as ExtFields
  if (typeof ext !== 'object' || ext === null || Array.isArray(ext))
    throw new MalformedError(`header: extFields ${excerpt(textOf(ext))} is not a JSON object`)
  const entries: [string, string][] = []
  for (const [name, value] of ext instanceof Map ? ext : Object.entries(ext))
    if (value !== null) entries.push([textOf(name), textOf(value)])
  return Object.fromEntries(entries)
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : print(value)
}

/** A header as fastjson would print it: members in alphabetical order, absent ones left out. */
export function jsonHeaderText(header: CommandHeader): string {
  return JSON.stringify({
    code: header.code,
    extFields: isEmpty(header.extFields) ? undefined : header.extFields,
    flag: header.flag,
    language: header.language,
    opaque: header.opaque,
    remark: header.remark,
    serializeTypeCurrentRPC: 'JSON',
    version: header.version,
  })
}

function isEmpty(ext: ExtFields): boolean {
  for (const _ in ext) return false
  return true
}
