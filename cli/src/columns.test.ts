import { expect, test } from '@jest/globals'
import { columns } from './columns.ts'

test('numbers stand at the right, text at the left, nothing behind', () => {
  expect(
    columns(
      ['Name', 'Messages', 'Note'],
      [
        ['a', 1234567, ''],
        ['longer', 5, 'x'],
      ],
    ),
  ).toBe('Name     Messages  Note\na       1,234,567\nlonger          5  x\n')
  expect(columns(['Name'], [])).toBe('Name\n')
})
