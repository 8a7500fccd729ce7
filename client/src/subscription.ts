import { FieldError, javaHash, type SubscriptionData } from '@rocketcluster/protocol'

/** What of a topic a group wants (FilterAPI.java): `*`, or tags joined by `||`. Throws FieldError. */
export function subscription(topic: string, expression: string, subVersion: number): SubscriptionData {
  const text = expression.trim() === '' ? '*' : expression
  const tagsSet = text === '*' ? [] : tagsOf(text)
  return {
    topic,
    subString: text,
    subVersion,
    expressionType: 'TAG',
    classFilterMode: false,
    tagsSet,
    codeSet: [...new Set(tagsSet.map(javaHash))],
  }
}

function tagsOf(expression: string): string[] {
  const tags = expression
    .split('||')
    .map(tag => tag.trim())
    .filter(tag => tag !== '')
  if (tags.length === 0)
    throw new FieldError('expression', `${JSON.stringify(expression)} names no tag; "*" stands for all`)
  return [...new Set(tags)]
}

/** The broker compares hashes only, and two tags may have the same one; so the client looks again. */
export function matches({ tagsSet }: SubscriptionData, tags: string | undefined): boolean {
  return tagsSet.length === 0 || (tags !== undefined && tagsSet.includes(tags))
}
