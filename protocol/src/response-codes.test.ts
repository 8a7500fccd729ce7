import { expect, test } from '@jest/globals'
import { FieldError, MalformedError, ResponseError } from './errors.ts'
import { f } from './fields.ts'
import { languageCodes, languageOfCode, languageOfName } from './language.ts'
import { textBody } from './raw-bodies.ts'
import { responseCodeName, responseCodes } from './response-codes.ts'
import { CURRENT_VERSION, MQVersion, versionName } from './versions.ts'

test('each response code has one name', () => {
  const codes = Object.values(responseCodes).map(({ code }) => code)
  expect(new Set(codes).size).toBe(codes.length)
  for (const [name, { code }] of Object.entries(responseCodes)) expect(responseCodeName(code)).toBe(name)
  expect(responseCodeName(12345)).toBeUndefined()
})

test('a producer tries another broker on the codes that Apache names', () => {
  const retried = Object.entries(responseCodes).filter(([, { retry }]) => retry === 'other-broker')
  expect(retried.map(([name]) => name).sort()).toEqual([
    'GO_AWAY',
    'NOT_IN_CURRENT_UNIT',
    'NO_BUYER_ID',
    'NO_PERMISSION',
    'SERVICE_NOT_AVAILABLE',
    'SYSTEM_BUSY',
    'SYSTEM_ERROR',
    'TOPIC_NOT_EXIST',
  ])
})

test('errors carry what they are about', () => {
  const cause = new Error('why')
  const error = new ResponseError('TOPIC_NOT_EXIST', 'no topic T', { cause })
  expect(error).toMatchObject({
    name: 'ResponseError',
    status: 'TOPIC_NOT_EXIST',
    code: 17,
    message: 'no topic T',
    cause,
  })
  expect(new ResponseError('SYSTEM_ERROR', 'x', { code: 4711 }).code).toBe(4711)
  expect(new FieldError('queueId', 'is wrong')).toMatchObject({
    name: 'FieldError',
    field: 'queueId',
    message: 'field queueId: is wrong',
  })
  expect(new MalformedError('x').name).toBe('MalformedError')
})

test('languages by name and byte', () => {
  for (const [name, code] of Object.entries(languageCodes)) {
    expect(languageOfCode(code)).toBe(name)
    expect(languageOfName(name)).toBe(name)
  }
  expect([languageOfCode(14), languageOfCode(255), languageOfName('toString'), languageOfName('')]).toEqual(
    Array(4).fill('OTHER'),
  )
})

test('versions', () => {
  expect(CURRENT_VERSION).toBe(513)
  expect([513, 401, 512, 700].map(versionName)).toEqual(['V5_5_0', 'V4_9_4', '#512', 'HIGHER_VERSION'])
  expect(MQVersion.V5_3_1).toBe(475)
})

test('fields read what Java reads and refuse the rest by name', () => {
  expect(['-2147483648', '2147483647', '+7', '-0', '0000000000000007'].map(text => f.int().decode(text, 'n'))).toEqual([
    -2147483648, 2147483647, 7, 0, 7,
  ])
  for (const text of ['2147483648', '-2147483649', '', ' 1', '1.0', '1e3', '0x1', 'NaN', '9'.repeat(30)])
    expect(() => f.int().decode(text, 'n')).toThrow(FieldError)
  expect(f.long().decode('9223372036854775807', 'n')).toBe(Number.MAX_SAFE_INTEGER)
  expect(f.long().decode('-9223372036854775808', 'n')).toBe(Number.MIN_SAFE_INTEGER)
  expect(() => f.long().decode('9223372036854775808', 'n')).toThrow(
    'field n: "9223372036854775808" is not an integer from -9223372036854775808 to 9223372036854775807',
  )
  expect(f.bigint().decode('9223372036854775807', 'n')).toBe(9223372036854775807n)
  expect(['true', 'TRUE', '1', ''].map(text => f.bool().decode(text, 'b'))).toEqual([true, true, false, false])
  expect(f.oneOf('A', 'B').decode('A', 'x')).toBe('A')
  expect(() => f.oneOf('A', 'B').decode('C', 'x')).toThrow('field x: "C" is not one of A, B')
  expect(f.int().optional().decode(undefined, 'n')).toBeUndefined()
  expect(f.int().default(3).decode(undefined, 'n')).toBe(3)
  expect(
    f
      .int()
      .default(3)
      .encode(undefined as never, 'n'),
  ).toBe('3')
  expect(f.int().as('q').optional().wireName).toBe('q')
})

test('text bodies are strict', () => {
  expect(textBody.decode(Buffer.from('a=1\né'))).toBe('a=1\né')
  expect(() => textBody.decode(Buffer.from([0xc3, 0x28]))).toThrow('field body: 2 bytes are not UTF-8 text')
})
