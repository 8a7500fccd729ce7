/** Java's String.hashCode: over UTF-16 units, 32-bit, signed. */
export function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** `javaHash` of the text that UTF-8 bytes `start` to `end` hold, without making the string when it is ASCII. */
export function javaHashUtf8(bytes: Buffer, start = 0, end = bytes.length): number {
  let hash = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (byte >= 0x80) return javaHash(bytes.toString('utf8', start, end))
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  return hash
}

/** The tagsCode of a consumeQueue entry: 0 without tags (MessageExtBrokerInner.java#tagsString2tagsCode). */
export function tagsCode(tags: string | undefined): number {
  return tags === undefined ? 0 : javaHash(tags)
}

/** The key hash of the index: never negative; `key` is `topic#uniqKey` or `topic#word` (IndexFile.java#indexKeyHashMethod). */
export function indexKeyHash(key: string): number {
  const hash = Math.abs(javaHash(key))
  // |Integer.MIN_VALUE| is negative in Java, and is replaced by 0 there.
  return hash > 0x7fffffff ? 0 : hash
}
