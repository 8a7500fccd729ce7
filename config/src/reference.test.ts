import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { configurationPage, defaultsPage } from './reference.ts'

const docs = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

test('docs/configuration.md and docs/defaults.md are current: else run `npm run generate`', () => {
  expect(docs('configuration.md')).toBe(configurationPage())
  expect(docs('defaults.md')).toBe(defaultsPage())
})

test('the defaults that users compare are listed', () => {
  expect(defaultsPage()).toContain('| broker.conf | fileReservedTime | 48 | 72 |')
  expect(defaultsPage()).toContain('| broker.conf | slaveReadEnable | true | false |')
  expect(defaultsPage()).toContain('| broker.conf | enablePropertyFilter | true | false |')
  expect(defaultsPage()).toContain('| broker.conf | recallMessageEnable | true | false |')
})
