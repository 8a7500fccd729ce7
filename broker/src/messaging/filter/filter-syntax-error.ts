/** Characters shown on either side of the place where parsing stopped. */
const AROUND = 24

/** An expression that is no SQL92 filter, with the place where it stops being one. */
export class FilterSyntaxError extends Error {
  override readonly name = 'FilterSyntaxError'

  /** `at` is the index of the character in question. */
  constructor(text: string, at: number, problem: string) {
    const before = text.slice(0, at)
    const line = before.split('\n').length
    const column = at - before.lastIndexOf('\n')
    const start = Math.max(0, at - AROUND)
    const end = Math.min(text.length, at + AROUND)
    const around = `${start > 0 ? '…' : ''}${text.slice(start, at)}▸${text.slice(at, end)}${end < text.length ? '…' : ''}`
    // The words that SelectorParser.java has for it.
    super(`Invalid MessageSelector. ${problem}, at line ${line}, column ${column}: ${around.replace(/\s+/g, ' ')}`)
  }
}
