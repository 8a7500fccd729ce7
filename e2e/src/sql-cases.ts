/** Expressions and property sets for filters, from a seed: as text only, so that they say nothing of how anybody parses. */

/** Mulberry32. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed | 0
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const NAMES = ['a', 'b', 'c', '$d', 'E_1', 'TAGS']

/** Numbers, what Java reads as numbers, what it does not, and words. */
const VALUES = [
  ...['a', 'b', 'aa', 'true', 'TRUE', 'False', ' ', "it's", 'häß', '😀', 'null', 'x\ny'],
  ...[
    '0',
    '-0',
    '0.0',
    '-0.0',
    '+1',
    '1',
    '5',
    '05',
    '5.0',
    '5.',
    '.5',
    '5.5',
    '-5',
    ' 5',
    '5 ',
    '5f',
    '5D',
    '5L',
    '1e1',
  ],
  ...['0x1p3', '0x10', 'NaN', '-NaN', 'Infinity', '-Infinity', '1e999', '2147483647', '2147483648', '-2147483648'],
  ...['-2147483649', '9007199254740992', '9007199254740993', '9223372036854775807', '-9223372036854775808'],
  ...['9223372036854775808', '٥', '５', '1_000', '1,5', '--5', '+', '1e', '0x', '1.5.5', '5 5', '\t7\t'],
]
const STRINGS = [...VALUES, ''].map(value => `'${value.replaceAll("'", "''")}'`)
const NUMBERS = [
  ...[
    '0',
    '1',
    '5',
    '10',
    '5L',
    '2147483647',
    '2147483648',
    '9007199254740993',
    '9223372036854775807',
    '1.5',
    '5.',
    '.5',
  ],
  ...['5.0', '1e1', '1E+1', '100e-1', '8.0', '1e300', '9007199254740993.0', '5e-324'],
]

export interface SqlCases {
  /** An expression of the grammar; most of them have a meaning too. */
  expression(): string
  /** One with a token taken out, put in, or doubled: most of them are none. */
  mutilated(): string
  properties(): Record<string, string>
}

export function sqlCases(seed: number): SqlCases {
  const random = randomOf(seed)
  const one = <T>(list: readonly T[]): T => list[random(list.length)]!
  const not = () => one(['', '', 'NOT '])
  const word = (text: string) => (random(4) === 0 ? text.toLowerCase() : text)
  const blank = () => one([' ', ' ', ' ', '  ', '\n', '\t', ' /* c */ ', ' -- c\n'])

  const ordered = (depth: number): string =>
    one([
      () => one(NAMES),
      () => one(NAMES),
      () => one(NUMBERS),
      () => `-${one(NUMBERS)}`,
      () => `${one(['- ', '+', '+ - '])}${depth > 0 ? ordered(depth - 1) : one(NAMES)}`,
      () => `(${depth > 0 ? ordered(depth - 1) : one(NAMES)})`,
    ])()
  const value = (depth: number): string =>
    one([
      () => one(NAMES),
      () => one(NAMES),
      () => one(STRINGS),
      () => ordered(depth),
      () => one(['TRUE', 'false']),
      () => (depth > 0 ? `(${condition(depth - 1)})` : one(NAMES)),
      // Rarely: no order is defined for it, and NULL cannot be compared.
      () => (random(6) === 0 ? 'NULL' : one(NAMES)),
    ])()
  const left = (depth: number) => (random(4) === 0 ? value(depth) : one(NAMES))
  const simple = (depth: number): string =>
    one([
      () => `${left(depth)} ${one(['=', '<>'])} ${value(depth)}`,
      () => `${one(NAMES)} ${one(['=', '<>'])} ${one(STRINGS)}`,
      () => `${ordered(depth)}${one(['>', '>=', '<', '<='])}${ordered(depth)}`,
      () => `${one(NAMES)} ${one(['>', '>=', '<', '<=', '=', '<>'])} ${one(NUMBERS)}`,
      () => `${left(depth)} ${word(`IS ${not()}NULL`)}`,
      () => `${one(NAMES)} ${word(`${not()}BETWEEN`)} ${ordered(0)} AND ${ordered(0)}`,
      () =>
        `${one(NAMES)} ${word(`${not()}IN`)} (${Array.from({ length: 1 + random(7) }, () => one(STRINGS)).join(',')})`,
      () => `${left(depth)} ${word(`${not()}${one(['CONTAINS', 'STARTSWITH', 'ENDSWITH'])}`)} ${one(STRINGS)}`,
      () => one([...NAMES, 'TRUE', 'FALSE', 'NULL']),
    ])()
  const condition = (depth: number): string =>
    depth === 0
      ? simple(0)
      : one([
          () => simple(depth),
          () => `NOT ${simple(depth)}`,
          () => `NOT (${condition(depth - 1)})`,
          () => `${condition(depth - 1)}${blank()}${word('AND')}${blank()}${condition(depth - 1)}`,
          () => `${condition(depth - 1)}${blank()}${word('OR')}${blank()}${condition(depth - 1)}`,
          () => `(${condition(depth - 1)}) AND (${condition(depth - 1)})`,
        ])()
  const expression = () => condition(random(4))
  return {
    expression,
    mutilated() {
      const tokens = expression().match(/'(?:''|[^'])*'|[\w$.]+|<>|<=|>=|\s+|./gsu) ?? []
      const at = random(tokens.length)
      const put = one([
        '',
        '',
        tokens[at]! + tokens[at]!,
        ' NOT ',
        ' 5 ',
        " 'x' ",
        ' ( ',
        ' ) ',
        ' = ',
        ' AND ',
        ' , ',
        "'",
      ])
      return [...tokens.slice(0, at), put, ...tokens.slice(at + 1)].join('')
    },
    properties() {
      const properties: Record<string, string> = {}
      for (const name of NAMES) if (random(4) > 0) properties[name] = one(VALUES)
      return properties
    },
  }
}
