import { expect, test } from '@jest/globals'
import { command, helpOf, oneWord, type Terminal, wholeNumber } from './command.ts'

const terminal: Terminal = { out() {}, err() {}, isScreen: false, stop: new AbortController().signal }
let got: unknown
const demo = command({
  name: 'demo',
  summary: 'show how',
  options: {
    file: { type: 'string', short: 'f', value: 'FILE', required: true, help: 'a file' },
    count: { type: 'string', default: '3', help: 'how many' },
    key: { type: 'string', multiple: true, help: 'keys' },
    verbose: { type: 'boolean', short: 'v', help: 'say more' },
  },
  examples: ['rocketcluster demo -f x'],
  async run(values) {
    got = values
    return 0
  },
})
const parse = async (...args: string[]) => {
  await demo.run(args, terminal)
  return got
}

test('options and their defaults', async () => {
  expect(await parse('-f', 'x')).toEqual({ file: 'x', count: '3', key: [], verbose: false })
  expect(await parse('--file=x', '--count', '7', '-v', '--key', 'a', '--key=b')).toEqual({
    file: 'x',
    count: '7',
    key: ['a', 'b'],
    verbose: true,
  })
  expect(await parse('--file=--strange')).toMatchObject({ file: '--strange' })
})

test.each([
  [[], 'demo needs --file FILE'],
  [['--fiel', 'x'], 'there is no option --fiel; did you mean file?'],
  [['-f', 'x', '-q'], /'-q'/],
  [['-f', 'x', 'extra'], /'extra'/],
  [['-f'], /argument missing/],
])('%j', async (args, problem) => {
  await expect(parse(...args)).rejects.toThrow(problem)
  await expect(parse(...args)).rejects.toMatchObject({ name: 'UsageError' })
})

test('values of options', () => {
  expect(wholeNumber('count', '12', 1, 20)).toBe(12)
  expect(() => wholeNumber('count', '0', 1, 20)).toThrow('--count is "0"; allowed is a whole number from 1 to 20')
  expect(() => wholeNumber('count', '1e1', 1, 20)).toThrow('allowed is a whole number')
  expect(oneWord('output', 'json', ['text', 'json'])).toBe('json')
  expect(() => oneWord('output', 'xml', ['text', 'json'])).toThrow('--output is "xml"; allowed is text or json')
})

test('help', () => {
  expect(helpOf(demo)).toBe(`rocketcluster demo: show how

Options:
  -f, --file FILE    a file
      --count VALUE  how many (default 3)
      --key VALUE    keys
  -v, --verbose      say more

Examples:
  rocketcluster demo -f x
`)
})
