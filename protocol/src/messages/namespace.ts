import { DLQ_PREFIX, isSystemGroup, isSystemTopic, RETRY_PREFIX } from './names.ts'

/** `%` is also legal inside names; only the first one behind the retry or dead-letter prefix separates (NamespaceUtil.java). */
const SEPARATOR = '%'

/** The retry or dead-letter prefix of a name, and the rest; a dead-letter topic of a retry topic has neither twice. */
function splitPrefix(resource: string): [prefix: string, rest: string] {
  let rest = resource
  let prefix = ''
  for (const candidate of [RETRY_PREFIX, DLQ_PREFIX]) {
    if (rest.startsWith(candidate)) {
      prefix += candidate
      rest = rest.slice(candidate.length)
    }
  }
  return [prefix, rest]
}

const isSystem = (resource: string) => isSystemTopic(resource) || isSystemGroup(resource)

/** `[%RETRY%|%DLQ%]namespace%resource`. System names and names already in the namespace are returned as they are. */
export function wrapNamespace(namespace: string | undefined, resource: string): string {
  if (!namespace || resource === '' || isSystem(resource)) return resource
  const [prefix, rest] = splitPrefix(resource)
  if (rest.startsWith(namespace + SEPARATOR)) return resource
  return prefix + namespace + SEPARATOR + rest
}

/** The name without its namespace. Given a namespace, only that one is taken off. */
export function withoutNamespace(resource: string, namespace?: string): string {
  if (resource === '' || isSystem(resource)) return resource
  const [prefix, rest] = splitPrefix(resource)
  if (namespace !== undefined) {
    return namespace !== '' && rest.startsWith(namespace + SEPARATOR)
      ? prefix + rest.slice(namespace.length + 1)
      : resource
  }
  const at = rest.indexOf(SEPARATOR)
  return at > 0 ? prefix + rest.slice(at + 1) : resource
}

/** The namespace of a name, '' when it has none. */
export function namespaceOf(resource: string): string {
  if (resource === '' || isSystem(resource)) return ''
  const [, rest] = splitPrefix(resource)
  const at = rest.indexOf(SEPARATOR)
  return at > 0 ? rest.slice(0, at) : ''
}
