/**
 * The index's key hash without making the key: keys are `topic#uniqKey` and `topic#word`, and Java's String.hashCode
 * (h = 31 h + c over UTF-16 units) of a text goes on from that of its beginning.
 */

/** Java's hashCode of a text that begins with what gave `hash` and goes on with units `from` to `to` of `text`. */
export function extendHash(hash: number, text: string, from: number, to: number): number {
  for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** hashCode of `topic#`. */
export function topicHash(topic: string): number {
  return extendHash(extendHash(0, topic, 0, topic.length), '#', 0, 1)
}

/** IndexFile.java#indexKeyHashMethod: the absolute value; Java's |Integer.MIN_VALUE|, which stays negative, becomes 0. */
export function keyHash(hash: number): number {
  return hash >= 0 ? hash : hash === -0x80000000 ? 0 : -hash
}
