/**
 * Numbers as Java reads and compares them: filters must find in a property what Apache's broker finds there. undefined
 * stands for Java's NumberFormatException.
 */

/** Java's Integer, Long and Double. A long is a bigint only where a number would not be exact. */
export type JavaNumber =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'long'; readonly value: number | bigint }
  | { readonly type: 'double'; readonly value: number }

const INT_MIN = -(2 ** 31)
const INT_MAX = 2 ** 31 - 1
const LONG_MIN = -(2n ** 63n)
const LONG_MAX = 2n ** 63n - 1n
/** So many decimal digits are exact in a number. */
const EXACT_DIGITS = 15
const ASCII_INTEGER = /^[+-]?[0-9]+$/
const ANY_INTEGER = /^[+-]?\p{Nd}+$/u
const DECIMAL = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?$/
const HEXADECIMAL = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?[pP]([+-]?[0-9]+)[fFdD]?$/
const SPECIAL: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  '+NaN': Number.NaN,
  '-NaN': Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '+Infinity': Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

/** Integer.valueOf */
export function parseJavaInt(text: string): number | undefined {
  const value = parseJavaLong(text)
  return typeof value === 'number' && value >= INT_MIN && value <= INT_MAX ? value : undefined
}

/** Long.valueOf: digits of any script, one sign, no blanks. */
export function parseJavaLong(text: string): number | bigint | undefined {
  const ascii = ASCII_INTEGER.test(text) ? text : toAscii(text)
  if (ascii === undefined) return undefined
  if (ascii.length <= EXACT_DIGITS) return Number(ascii) + 0
  const negative = ascii.startsWith('-')
  const magnitude = BigInt(ascii.replace(/^[+-]/, ''))
  const value = negative ? -magnitude : magnitude
  if (value < LONG_MIN || value > LONG_MAX) return undefined
  return exact(value)
}

/** The number where it says the same as the bigint. */
export const exact = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value

/** Character.digit reads every decimal digit of the basic plane; the ten of a script follow one another. */
function toAscii(text: string): string | undefined {
  if (!ANY_INTEGER.test(text)) return undefined
  let ascii = ''
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 128) {
      ascii += text[i]
      continue
    }
    // Integer.parseInt goes by char: it sees halves of the digits beyond the basic plane, which are none.
    if (code >= 0xd800 && code <= 0xdfff) return undefined
    let zero = code
    while (/\p{Nd}/u.test(String.fromCharCode(zero - 1))) zero--
    ascii += String(code - zero)
  }
  return ascii
}

/** Double.valueOf: blanks around it, a suffix, hexadecimal, NaN and Infinity are all allowed. */
export function parseJavaDouble(text: string): number | undefined {
  const trimmed = trim(text)
  if (DECIMAL.test(trimmed)) return Number(trimmed.replace(/[fFdD]$/, ''))
  const special = Object.hasOwn(SPECIAL, trimmed) ? SPECIAL[trimmed] : undefined
  return special ?? parseHexadecimal(trimmed)
}

/** String.trim: everything up to the blank. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && text.charCodeAt(start) <= 0x20) start++
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--
  return text.slice(start, end)
}

function parseHexadecimal(text: string): number | undefined {
  const parts = HEXADECIMAL.exec(text)
  if (!parts) return undefined
  const [, sign, whole = '', fraction = '', exponent] = parts
  const digits = (whole + fraction).replace(/^0+/, '')
  if (whole + fraction === '') return undefined
  const value = digits === '' ? 0 : scaled(BigInt(`0x${digits}`), Number(exponent) - 4 * fraction.length)
  return sign === '-' ? -value : value
}

/** mantissa × 2^exponent, rounded once, half to even. */
function scaled(mantissa: bigint, exponent: number): number {
  const bits = mantissa.toString(2).length
  const top = bits + exponent
  if (top > 1024) return Number.POSITIVE_INFINITY
  if (top < -1074) return 0
  // Bits that a double has room for at this size: fewer for those below the smallest normal one.
  const room = Math.min(53, top + 1074)
  const drop = bits - room
  if (drop <= 0) return Number(mantissa) * 2 ** Math.max(exponent, -1074)
  const shift = BigInt(drop)
  let kept = mantissa >> shift
  const rest = mantissa - (kept << shift)
  const half = 1n << (shift - 1n)
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept++
  const scale = exponent + drop
  // 2 ** 1024 is Infinity where the product is not.
  return scale > 971 ? Number(kept) * 2 ** 971 * 2 ** (scale - 971) : Number(kept) * 2 ** scale
}

/** Double.compareTo: NaN equals itself and is above everything, -0 is below 0. */
export function compareDoubles(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) {
    if (a !== 0) return 0
    return Object.is(a, b) ? 0 : Object.is(a, -0) ? -1 : 1
  }
  const aNaN = Number.isNaN(a)
  return aNaN === Number.isNaN(b) ? 0 : aNaN ? 1 : -1
}

/** Integers exactly; as doubles when one of them is a double (ComparisonExpression.java). */
export function compareNumbers(a: JavaNumber, b: JavaNumber): number {
  if (a.type === 'double' || b.type === 'double') return compareDoubles(Number(a.value), Number(b.value))
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0
}

/** There is no -0 among integers. */
export function negated(number: JavaNumber): JavaNumber {
  if (number.type === 'double') return { type: 'double', value: -number.value }
  if (number.type === 'int') return { type: 'int', value: 0 - number.value }
  return { type: 'long', value: typeof number.value === 'bigint' ? -number.value : 0 - number.value }
}
