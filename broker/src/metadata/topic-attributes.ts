import { ResponseError } from '@rocketcluster/protocol'

interface Attribute {
  readonly allowed: readonly string[]
  readonly changeable: boolean
}

/** TopicAttributes.java */
const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  'queue.type': { allowed: ['SimpleCQ'], changeable: false },
  'cleanup.policy': { allowed: ['DELETE', 'COMPACTION'], changeable: false },
  'message.type': { allowed: ['UNSPECIFIED', 'NORMAL', 'FIFO', 'DELAY', 'TRANSACTION', 'MIXED'], changeable: true },
}

/** Of each key only the newest message stays (CleanupPolicyUtils.java). */
export const isCompacted = ({ attributes }: { readonly attributes: ReadonlyMap<string, string> }): boolean =>
  attributes.size > 0 && attributes.get('cleanup.policy') === 'COMPACTION'

/**
 * Applies `+name=value,-name` to what a topic has (AttributeUtil.java). Throws INVALID_PARAMETER naming the attribute,
 * the value and what is allowed; nothing is applied then.
 */
export function applyTopicAttributes(
  known: ReadonlyMap<string, string> | undefined,
  change: string | undefined,
): Map<string, string> {
  const attributes = new Map(known)
  if (!change) return attributes
  for (const part of change.split(',')) {
    const [, sign, name, value] = /^([+-])([^=]+)(?:=(.*))?$/.exec(part.trim()) ?? []
    if (!sign || !name || (sign === '+') !== (value !== undefined))
      throw new ResponseError(
        'INVALID_PARAMETER',
        `attributes: ${JSON.stringify(part)} is neither +name=value nor -name`,
      )
    const attribute = Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name] : undefined
    if (!attribute)
      throw new ResponseError(
        'INVALID_PARAMETER',
        `attributes: ${name} is not one of ${Object.keys(ATTRIBUTES).join(', ')}`,
      )
    if (value !== undefined && !attribute.allowed.includes(value))
      throw new ResponseError(
        'INVALID_PARAMETER',
        `attributes: ${name}=${value} is not one of ${attribute.allowed.join(', ')}`,
      )
    if (known && !attribute.changeable && attributes.get(name) !== value)
      throw new ResponseError('INVALID_PARAMETER', `attributes: ${name} cannot be changed after the topic was created`)
    if (value === undefined) attributes.delete(name)
    else attributes.set(name, value)
  }
  return attributes
}
