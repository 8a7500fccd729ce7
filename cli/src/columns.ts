/** Rows as text in columns, a heading above; numbers stand at the right. */
export function columns(heading: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map(row => row.map(cell => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)))
  const widths = heading.map((title, n) => Math.max(title.length, ...texts.map(row => row[n]?.length ?? 0)))
  const isNumber = heading.map((_, n) => rows.length > 0 && rows.every(row => typeof row[n] === 'number'))
  const line = (cells: readonly string[]) =>
    `${cells
      .map((cell, n) => (isNumber[n] ? cell.padStart(widths[n]!) : cell.padEnd(widths[n]!)))
      .join('  ')
      .trimEnd()}\n`
  return line(heading) + texts.map(line).join('')
}
