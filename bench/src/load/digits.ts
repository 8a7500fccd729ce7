/** Writes `value` into `width` bytes as decimal digits; what does not fit is cut off on the left. */
export function writeDigits(into: Buffer, at: number, width: number, value: number): void {
  for (let i = at + width - 1; i >= at; i--) {
    into[i] = 48 + (value % 10)
    value = Math.floor(value / 10)
  }
}

/** The decimal number that begins at `at`. */
export function readDigits(from: Buffer, at: number): number {
  let value = 0
  for (let digit = from[at]! - 48; digit >= 0 && digit <= 9; digit = from[++at]! - 48) value = value * 10 + digit
  return value
}
