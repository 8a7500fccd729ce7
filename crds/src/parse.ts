import { type Document, isScalar, LineCounter, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { didYouMean } from './nearest.ts'
import { API_VERSION, KIND, type RocketCluster, rocketCluster } from './rocket-cluster.ts'

/** One thing that is wrong with a manifest. */
export interface ManifestProblem {
  /** `spec.broker.groups`, or empty when it is not about a field. */
  readonly field: string
  /** 1-based line of the text. */
  readonly line?: number
  /** Reads on after the field: the value, and what is allowed. */
  readonly message: string
}

/** Everything that is wrong with a manifest, one line each: `spec.broker.groups: 0 is below 1 (line 7)`. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError'
  readonly problems: readonly ManifestProblem[]

  constructor(problems: readonly ManifestProblem[]) {
    super(
      problems
        .map(
          ({ field, line, message }) =>
            `${field === '' ? '' : `${field}: `}${message}${line === undefined ? '' : ` (line ${line})`}`,
        )
        .join('\n'),
    )
    this.problems = problems
  }
}

/** Reads the YAML (or JSON) text of one RocketCluster and fills in the defaults. Throws ManifestError. */
export function parseRocketCluster(text: string): RocketCluster {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })
  if (!Array.isArray(documents)) throw new ManifestError([{ field: '', message: 'the manifest is empty' }])
  const syntax = documents.flatMap(document => document.errors)
  if (syntax.length > 0) {
    throw new ManifestError(
      syntax.map(({ message, pos }) => ({
        field: '',
        line: lines.linePos(pos[0]).line,
        message: `not YAML: ${message}`,
      })),
    )
  }
  const filled = documents.filter(
    ({ contents }) => contents !== null && !(isScalar(contents) && contents.value === null),
  )
  const [document] = filled
  if (!document) throw new ManifestError([{ field: '', message: 'the manifest is empty' }])
  if (filled.length > 1) {
    throw new ManifestError([
      { field: '', message: `the manifest holds ${filled.length} documents; allowed is one ${KIND}` },
    ])
  }
  return validate(plain(document), path => lineOf(document, lines, path))
}

/** The same for a value that has been read already, for example from the Kubernetes API. Throws ManifestError. */
export function validateRocketCluster(value: unknown): RocketCluster {
  return validate(value, () => undefined)
}

type Path = readonly PropertyKey[]

function plain(document: Document): unknown {
  try {
    return document.toJS()
  } catch (error) {
    // Aliases that multiply into millions of nodes, or that refer to nothing.
    throw new ManifestError([{ field: '', message: `not YAML: ${(error as Error).message}` }])
  }
}

function validate(value: unknown, line: (path: Path) => number | undefined): RocketCluster {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ManifestError([
      { field: '', line: line([]), message: `the manifest is ${shown(value)}; allowed is a ${KIND}` },
    ])
  }
  // With another kind, a list of all its fields that a RocketCluster does not have would help nobody.
  const { apiVersion, kind } = value as Record<string, unknown>
  if (apiVersion !== API_VERSION || kind !== KIND) {
    throw new ManifestError(
      [
        { name: 'apiVersion', is: apiVersion, should: API_VERSION },
        { name: 'kind', is: kind, should: KIND },
      ]
        .filter(({ is, should }) => is !== should)
        .map(({ name, is, should }) => ({
          field: name,
          line: is === undefined ? undefined : line([name]),
          message: `${is === undefined ? 'is missing' : `is ${shown(is)}`}; allowed is ${should}`,
        })),
    )
  }
  const result = rocketCluster.safeParse(withoutNulls(value), { reportInput: true })
  if (result.success) return result.data
  const problems = result.error.issues.flatMap(issue => explain(issue, value))
  throw new ManifestError(problems.map(({ path, message }) => ({ field: fieldName(path), line: line(path), message })))
}

/** `config:` with nothing behind it is as good as left out, as it is for the API server. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  )
}

/** What one issue of zod's means, said with the value and what is allowed. */
function explain(issue: z.core.$ZodIssue, root: unknown): { path: Path; message: string }[] {
  const { path } = issue
  const value = at(root, path)
  const say = (message: string) => [{ path, message }]
  if (value === undefined && issue.code !== 'custom' && issue.code !== 'unrecognized_keys') {
    return say(`is missing; allowed is ${expected(schemaAt(path))}`)
  }
  switch (issue.code) {
    case 'unrecognized_keys': {
      const allowed = fieldsAt(path)
      return issue.keys.map(key => ({
        path: [...path, key],
        message: `there is no such field${didYouMean(key, allowed)}; allowed are ${allowed.join(', ')}`,
      }))
    }
    case 'too_small':
      if (issue.origin === 'string')
        return say(`${shown(value)} is too short; allowed are at least ${issue.minimum} characters`)
      return say(`${shown(value)} is below ${issue.minimum}; allowed is ${expected(schemaAt(path))}`)
    case 'too_big':
      if (issue.origin === 'string')
        return say(`${shown(value)} is too long; allowed are at most ${issue.maximum} characters`)
      return say(`${shown(value)} is above ${issue.maximum}; allowed is ${expected(schemaAt(path))}`)
    case 'invalid_value':
      return say(`${shown(value)} is not one of ${issue.values.map(String).join(', ')}`)
    case 'custom':
      // A rule's own sentence starts with the field it blames, where that field is a key of a free map.
      return say(
        issue.message.startsWith(`${String(path.at(-1))} `)
          ? issue.message.slice(String(path.at(-1)).length + 1)
          : said(value, issue.message),
      )
    case 'invalid_union':
    case 'invalid_format':
      return say(said(value, issue.message))
    default:
      return say(`${shown(value)} is not ${expected(schemaAt(path))}`)
  }
}

/** `7 is above …` for sentences that speak of the value. */
function said(value: unknown, message: string): string {
  return value === undefined ? message : `${shown(value)} ${message}`
}

function shown(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  return typeof value === 'string'
    ? JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
    : String(value)
}

function at(root: unknown, path: Path): unknown {
  let value = root
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key]
  return value
}

function fieldName(path: Path): string {
  let name = ''
  for (const key of path) {
    if (typeof key === 'number') name += `[${key}]`
    else if (/^[A-Za-z_$][\w$]*$/.test(String(key))) name += name === '' ? String(key) : `.${String(key)}`
    else name += `["${String(key)}"]`
  }
  return name
}

/** The schema behind defaults and optional marks. */
function bare(schema: z.ZodType | undefined): z.ZodType | undefined {
  let inner = schema
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable
  ) {
    inner = inner.unwrap() as z.ZodType
  }
  return inner
}

function schemaAt(path: Path): z.ZodType | undefined {
  let schema: z.ZodType | undefined = rocketCluster
  for (const key of path) {
    const inner = bare(schema)
    if (inner instanceof z.ZodObject) schema = inner.shape[String(key)] as z.ZodType | undefined
    else if (inner instanceof z.ZodRecord) schema = inner.valueType as z.ZodType
    else if (inner instanceof z.ZodArray) schema = inner.element as z.ZodType
    else return undefined
  }
  return bare(schema)
}

function fieldsAt(path: Path): string[] {
  const schema = schemaAt(path)
  if (!(schema instanceof z.ZodObject)) return []
  // What only the API server writes is no help to somebody who writes.
  return Object.keys(schema.shape).filter(name => !(bare(schema.shape[name] as z.ZodType) instanceof z.ZodUnknown))
}

/** What a value may be, in words. */
function expected(schema: z.ZodType | undefined): string {
  if (schema instanceof z.ZodNumber) {
    const min = schema.minValue ?? Number.MIN_SAFE_INTEGER
    const max = schema.maxValue ?? Number.MAX_SAFE_INTEGER
    const from = min > Number.MIN_SAFE_INTEGER ? ` from ${min}` : ''
    const to = max < Number.MAX_SAFE_INTEGER ? ` to ${max}` : ''
    return `a whole number${from}${to}`
  }
  if (schema instanceof z.ZodEnum) return `one of ${schema.options.join(', ')}`
  if (schema instanceof z.ZodBoolean) return 'true or false'
  if (schema instanceof z.ZodString) return 'text'
  if (schema instanceof z.ZodArray) return 'a list'
  if (schema instanceof z.ZodObject || schema instanceof z.ZodRecord) return 'a map'
  return 'another kind of value'
}

/** The line of the field, or of the nearest one above it that is written down. */
function lineOf(document: Document, lines: LineCounter, path: Path): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    const range = (node as { range?: readonly number[] } | null | undefined)?.range
    if (range) return lines.linePos(range[0]!).line
  }
  return undefined
}
