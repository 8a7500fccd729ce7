import { MalformedError } from '../errors.ts'
import type { Json, JsonMap, JsonObject } from './value.ts'

/**
 * Values that references may stand for in one document, counted wherever they stand. Without a bound a small body could
 * name one large part thousands of times, and whoever walks it would never come back.
 */
const MAX_REFERENCED_VALUES = 1_000_000

const isContainer = (value: Json | undefined): value is Json[] | JsonObject | JsonMap =>
  typeof value === 'object' && value !== null

function referenceOf(value: Json): string | undefined {
  if (!isContainer(value) || Array.isArray(value) || value instanceof Map) return undefined
  const path = value.$ref
  return typeof path === 'string' && Object.keys(value).length === 1 ? path : undefined
}

/** Names and indexes of a path such as `$.consumerDataSet[0].a\.b`; undefined for the forms that point upwards. */
function stepsOf(path: string): string[] | undefined {
  if (!path.startsWith('$')) return undefined
  return [...path.slice(1).matchAll(/\[(\d+)\]|\.((?:\\.|[^.[\\])+)/g)].map(
    ([, index, name]) => index ?? name!.replace(/\\(.)/g, '$1'),
  )
}

function child(value: Json | undefined, step: string): Json | undefined {
  if (Array.isArray(value)) return value[Number(step)]
  if (value instanceof Map) return value.get(step) ?? value.get(Number(step))
  return isContainer(value) && Object.hasOwn(value, step) ? (value as JsonObject)[step] : undefined
}

/** How many values there are in `value`, itself included; -1 when there is a reference among them. */
function countPlain(value: Json): number {
  if (!isContainer(value)) return 1
  if (referenceOf(value) !== undefined) return -1
  let sum = 1
  for (const item of Array.isArray(value) ? value : value instanceof Map ? value.values() : Object.values(value)) {
    const count = countPlain(item)
    if (count < 0) return -1
    sum += count
  }
  return sum
}

/**
 * Puts the values in place that `{"$ref":"$.path"}` stands for: fastjson 1 (up to 5.3) writes the second occurrence of one
 * object so, such as a subscription that two groups of a client share. What points upwards or nowhere, or at something that
 * itself holds references, becomes null: no bean of RocketMQ is recursive. Changes `root` in place.
 * Throws MalformedError when references stand for more than a million values.
 */
export function resolveReferences(root: Json): Json {
  const counts = new Map<Json, number>()
  let budget = MAX_REFERENCED_VALUES
  const resolved = (path: string): Json => {
    const steps = stepsOf(path)
    if (steps === undefined) return null
    let target: Json | undefined = root
    for (const step of steps) target = child(target, step)
    if (target === undefined) return null
    let count = counts.get(target)
    if (count === undefined) {
      count = countPlain(target)
      counts.set(target, count)
    }
    if (count < 0) return null
    budget -= count
    if (budget < 0) throw new MalformedError(`JSON: references stand for more than ${MAX_REFERENCED_VALUES} values`)
    return target
  }
  // First all are found, then all are put in: what has been put in is not looked into again.
  const places: (() => void)[] = []
  const visit = (value: Json, put: (replacement: Json) => void) => {
    const path = referenceOf(value)
    if (path !== undefined) {
      const replacement = resolved(path)
      places.push(() => put(replacement))
    } else if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) visit(item, replacement => void (value[i] = replacement))
    } else if (value instanceof Map)
      for (const [key, item] of value) visit(item, replacement => void value.set(key, replacement))
    else if (isContainer(value)) {
      const object = value as JsonObject
      for (const [name, item] of Object.entries(object)) visit(item, replacement => void (object[name] = replacement))
    }
  }
  let whole = root
  visit(root, replacement => void (whole = replacement))
  for (const put of places) put()
  return whole
}
