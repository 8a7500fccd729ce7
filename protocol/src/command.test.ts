import { Buffer } from 'node:buffer'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeCommand, decodeHeader, encodeCommand, encodeHeader, isOneWay, isResponse } from './command.ts'
import { FieldError, MalformedError } from './errors.ts'
import { anyCommand, anySerializeType, frameOfCommand, frameOfHeader, mutated, outcome } from './testing/commands.ts'

const json = (text: string) => decodeHeader(frameOfHeader(Buffer.from(text), 'JSON'))

describe('both forms', () => {
  test('decode gives what encode took', () => {
    fc.assert(
      fc.property(anyCommand, anySerializeType, (command, type) => {
        const decoded = decodeCommand(frameOfCommand(command, type))
        expect({ ...decoded, body: decoded.body && new Uint8Array(decoded.body) }).toEqual(command)
        expect(Object.keys(decoded.extFields).sort()).toEqual(Object.keys(command.extFields).sort())
      }),
    )
  })

  test('any header bytes are read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), anySerializeType, (bytes, type) => {
        outcome(() => decodeHeader(frameOfHeader(bytes, type)))
      }),
      { numRuns: 2000 },
    )
  })

  test('damaged headers are read or refused', () => {
    for (const type of ['JSON', 'ROCKETMQ'] as const)
      fc.assert(
        fc.property(mutated(anyCommand.map(command => encodeHeader(command, 0, type).subarray(8))), bytes => {
          outcome(() => decodeHeader(frameOfHeader(bytes, type)))
        }),
        { numRuns: 2000 },
      )
  })

  test('a header cut off anywhere is refused', () => {
    const command = {
      code: 10,
      language: 'GO',
      version: 1,
      opaque: 2,
      flag: 0,
      remark: 'r',
      extFields: { topic: 'T', é: '名' },
    } as const
    for (const type of ['JSON', 'ROCKETMQ'] as const) {
      const header = encodeHeader(command, 0, type).subarray(8)
      for (let length = type === 'JSON' ? 1 : 0; length < header.length; length++)
        expect(() => decodeHeader(frameOfHeader(header.subarray(0, length), type))).toThrow(MalformedError)
    }
  })

  test('flags', () => {
    expect([0, 1, 2, 3].map(flag => [isResponse({ flag }), isOneWay({ flag })])).toEqual([
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ])
  })
})

describe('JSON', () => {
  test('is written as fastjson writes it: members in alphabetical order, no blanks', () => {
    const bytes = encodeCommand({
      code: 105,
      language: 'JAVA',
      version: 513,
      opaque: 7,
      flag: 0,
      extFields: { topic: 'T' },
    })
    expect(bytes.toString('utf8', 8)).toBe(
      '{"code":105,"extFields":{"topic":"T"},"flag":0,"language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":513}',
    )
    expect(bytes.readInt32BE(0)).toBe(bytes.length - 4)
    expect(bytes.readInt32BE(4)).toBe(bytes.length - 8)
  })

  test('what is absent has the defaults of Java', () => {
    const defaults = { code: 0, language: 'JAVA', version: 0, opaque: 0, flag: 0, remark: undefined, extFields: {} }
    expect(json('{}')).toEqual(defaults)
    expect(json('{"code":null,"extFields":null,"remark":null,"language":null,"opaque":null}')).toEqual(defaults)
  })

  test('is read as leniently as fastjson reads it', () => {
    expect(json('{"code":"34","unknown":[{}],"language":"KLINGON","version":1}')).toMatchObject({
      code: 34,
      language: 'OTHER',
    })
    expect(json('{"language":12}')).toMatchObject({ language: 'RUST' })
    expect(json("{code:34,'opaque':5,}")).toMatchObject({ code: 34, opaque: 5 })
    expect(json(' {\n"code" : 34 } ')).toMatchObject({ code: 34 })
  })

  test('values in extFields become text without losing a digit', () => {
    expect(
      json('{"extFields":{"i":1,"l":9223372036854775807,"b":true,"n":null,"o":{"x":[1]},"s":"t"}}').extFields,
    ).toEqual({ i: '1', l: '9223372036854775807', b: 'true', o: '{"x":[1]}', s: 't' })
    expect(json('{"extFields":{0:"zero","toString":"x"}}').extFields).toEqual({ 0: 'zero', toString: 'x' })
  })

  test('the last of two equal names counts', () => {
    expect(json('{"code":1,"extFields":{"a":"1","a":"2"},"code":2}')).toMatchObject({ code: 2, extFields: { a: '2' } })
  })

  test.each([
    ['null', 'header "null" is not a JSON object'],
    ['[1]', 'header "[1]" is not a JSON object'],
    ['{"code":1.5}', 'header: code "1.5" is not an integer from -2147483648 to 2147483647'],
    ['{"code":2147483648}', 'header: code "2147483648" is not an integer from -2147483648 to 2147483647'],
    ['{"opaque":"x"}', 'header: opaque "x" is not an integer from -2147483648 to 2147483647'],
    ['{"flag":{}}', 'header: flag "{}" is not an integer from -2147483648 to 2147483647'],
    ['{"extFields":"x"}', 'header: extFields "x" is not a JSON object'],
    ['{"extFields":[]}', 'header: extFields "[]" is not a JSON object'],
    ['{"code"', 'JSON at character 7: expected ":", found the end'],
  ])('refuses %s', (text, sentence) => {
    expect(() => json(text)).toThrow(new MalformedError(sentence))
  })

  test('nesting without end is refused, not suffered', () => {
    const deep = '['.repeat(200_000)
    for (const text of [deep, `{"extFields":{"a":${deep}`, `{"extFields":{"a":${deep}${']'.repeat(200_000)}}}`])
      expect(() => json(text)).toThrow(MalformedError)
  })

  test('broken UTF-8 is refused, the replacement character itself is not', () => {
    const broken = Buffer.concat([Buffer.from('{"remark":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])
    expect(() => decodeHeader(frameOfHeader(broken, 'JSON'))).toThrow(new MalformedError('header is not UTF-8'))
    expect(json('{"remark":"\ufffd"}').remark).toBe('\ufffd')
  })
})

describe('ROCKETMQ', () => {
  const command = {
    code: 310,
    language: 'NODE_JS',
    version: 513,
    opaque: -2,
    flag: 2,
    remark: 'ok',
    extFields: { k: 'vw' },
  } as const

  test('is laid out as RocketMQSerializable.java does', () => {
    const bytes = encodeHeader(command, 5, 'ROCKETMQ')
    expect(bytes.toString('hex')).toBe(
      [
        '00000029',
        '01000020',
        '0136',
        '0d',
        '0201',
        'fffffffe',
        '00000002',
        '00000002',
        '6f6b',
        '00000009',
        '0001',
        '6b',
        '00000002',
        '7677',
      ].join(''),
    )
  })

  test('texts of length zero are absent', () => {
    const bytes = encodeCommand({ ...command, remark: '', extFields: { '': 'x', empty: '', a: '1' } }, 'ROCKETMQ')
    expect(decodeHeader(frameOfHeader(bytes.subarray(8), 'ROCKETMQ'))).toMatchObject({
      remark: undefined,
      extFields: { a: '1' },
    })
  })

  test('codes of more than 16 bits cannot be written', () => {
    expect(() => encodeHeader({ ...command, code: 200_050 }, 0, 'ROCKETMQ')).toThrow(
      new FieldError('code', '200050 is not from -32768 to 32767, which is all that a ROCKETMQ header can carry'),
    )
    expect(encodeHeader({ ...command, code: -1000 }, 0, 'ROCKETMQ').readInt16BE(8)).toBe(-1000)
  })

  test('an unknown language is OTHER, bytes behind extFields are ignored', () => {
    const bytes = Buffer.concat([encodeHeader(command, 0, 'ROCKETMQ').subarray(8), Buffer.from('more')])
    bytes[2] = 99
    expect(decodeHeader(frameOfHeader(bytes, 'ROCKETMQ'))).toEqual({ ...command, language: 'OTHER' })
  })

  test.each([
    [17, -1, 'length -1 of remark is not from 0 to the 17 bytes left'],
    [17 - 4, 18, 'length 18 of remark is not from 0 to the 15 bytes left'],
    [19, 100, 'length 100 of extFields is not from 0 to the 9 bytes left'],
    [26, 0x7fffffff, 'length 2147483647 of value in extFields is not from 0 to the 2 bytes left'],
  ])('refuses a length that lies (%#)', (at, value, sentence) => {
    const bytes = Buffer.from(encodeHeader(command, 0, 'ROCKETMQ').subarray(8))
    bytes.writeInt32BE(value, sentence.includes('remark') ? 13 : at)
    expect(() => decodeHeader(frameOfHeader(bytes, 'ROCKETMQ'))).toThrow(MalformedError)
    expect(() => decodeHeader(frameOfHeader(bytes, 'ROCKETMQ'))).toThrow(
      /length -?\d+ of .* is not from 0 to the \d+ bytes left/,
    )
  })
})
