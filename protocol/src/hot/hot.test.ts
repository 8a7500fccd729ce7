import { Buffer } from 'node:buffer'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeHeader, encodeHeader, RESPONSE_FLAG, type RemotingCommand } from '../command.ts'
import type { Fields } from '../fields.ts'
import type { Frame, SerializeType } from '../frame.ts'
import { compileHeader } from '../header-codec.ts'
import { pullMessage, sendMessage, sendMessageV2, updateConsumerOffset } from '../requests/index.ts'
import { anyCommand, frameOfHeader, mutated, outcome, someText, text } from '../testing/commands.ts'
import {
  decodePull,
  decodeSend,
  decodeSendV2,
  decodeUpdateConsumerOffset,
  PullReplyWriter,
  peek,
  SendReplyWriter,
  type SendRequest,
} from './index.ts'
import { HeaderScanner } from './scanner.ts'

const HOT: Record<string, { fields: Fields; read: (frame: Frame) => any }> = {
  SEND_MESSAGE: { fields: sendMessage.header, read: decodeSend },
  SEND_MESSAGE_V2: { fields: sendMessageV2.header, read: decodeSendV2 },
  PULL_MESSAGE: { fields: pullMessage.header, read: decodePull },
  UPDATE_CONSUMER_OFFSET: { fields: updateConsumerOffset.header, read: decodeUpdateConsumerOffset },
}

/** What the ordinary decoder makes of a frame, in the words of the hot one. */
function ordinary(frame: Frame, fields: Fields, isSend: boolean): Record<string, unknown> {
  const { code, opaque, flag, version, language, extFields } = decodeHeader(frame)
  const values = compileHeader(fields).decode(extFields) as Record<string, unknown>
  if (!isSend) return { code, opaque, flag, version, language, ...values }
  const { flag: messageFlag, ...rest } = values
  // Half a surrogate pair, which JSON can escape, has no place in the UTF-8 that is stored.
  const properties = (values['properties'] as string | undefined)?.toWellFormed()
  return { code, opaque, flag, version, language, brokerName: undefined, ...rest, messageFlag, properties }
}

function seen(request: any): Record<string, unknown> {
  if (!('propertiesBuffer' in request)) return { ...request }
  const { propertiesBuffer, propertiesStart, propertiesEnd, ...rest } = { ...(request as SendRequest) }
  expect(request.propertiesBytes).toEqual(propertiesBuffer?.subarray(propertiesStart, propertiesEnd))
  return { ...rest, properties: request.properties }
}

const number = fc.oneof(
  fc.integer({ min: -5, max: 5 }).map(String),
  fc.integer().map(String),
  fc.maxSafeInteger().map(String),
  fc.constantFrom(
    '-0',
    '+7',
    '007',
    '',
    ' 1',
    '1.0',
    '2147483648',
    '9223372036854775807',
    '99999999999999999999',
    '123456789012345',
    'x',
  ),
)
const ordinaryNumber = fc.integer({ min: 0, max: 2 ** 31 - 1 }).map(String)

/** Mostly what the field allows, so that most headers take the hot way to its end. */
function likely(field: Fields[string]): fc.Arbitrary<string> {
  const isNumber = 'error' in outcome(() => field.decode('x', 'x'))
  return isNumber
    ? fc.oneof({ weight: 60, arbitrary: ordinaryNumber }, { weight: 1, arbitrary: number })
    : fc.oneof(text, fc.constantFrom('true', 'false', 'TRUE', 'tru', 'trueé'))
}

/** Mostly complete headers of one kind of request, with other names among them. */
function commandOf(fields: Fields): fc.Arbitrary<RemotingCommand> {
  const own = fc.tuple(
    ...Object.entries(fields).map(([key, field]) =>
      fc.tuple(fc.constant(field.wireName ?? key), fc.option(likely(field), { nil: undefined, freq: 60 })),
    ),
  )
  const otherName = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom('ns', 'bname', 'lo', 'toString', 'x', 'topi', 'topicc') },
    { weight: 1, arbitrary: someText },
  )
  const others = fc.array(fc.tuple(otherName, text), { maxLength: 3 })
  const remark = fc.option(fc.oneof(fc.constantFrom('FOUND', 'no such topic'), someText), { nil: undefined, freq: 2 })
  return fc.tuple(anyCommand, own, others, remark, fc.boolean()).map(([command, entries, more, remark, reversed]) => {
    const all = [...entries, ...more].filter(([name, given]) => given !== undefined && name !== '__proto__')
    if (reversed) all.reverse()
    return { ...command, remark, extFields: Object.fromEntries(all) as Record<string, string> }
  })
}

/** How somebody else may write a text: escapes that nobody needs, or none where they are needed. */
const style = fc.constantFrom<(text: string) => string>(
  text => JSON.stringify(text),
  text => JSON.stringify(text),
  text => `"${[...text].map(c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`,
  text =>
    `"${text
      .split('')
      .map(c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('')}"`,
  text => JSON.stringify(text).replaceAll('/', '\\/').replaceAll('u00', 'U00'),
  text => `"${text}"`,
  text => `'${text}'`,
  text => text,
)

/** JSON headers as other hands than ours write them: members in any order, some twice, blanks, other escapes and types. */
function handwritten(fields: Fields): fc.Arbitrary<Buffer> {
  const rarely = <T>(usual: T, ...odd: T[]) =>
    fc.oneof({ weight: 40, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) })
  const odd = fc.record({
    comma: rarely(',', ', ', ',,', ''),
    colon: rarely(':', ' :', ': ', ''),
    number: rarely('', '-0', '007', '1.0', '"5"', 'null', '99999999999', '1e3'),
    close: rarely('}', ' }', ',}', '}}', ''),
    style: fc.oneof(
      { weight: 12, arbitrary: fc.constant((text: string) => JSON.stringify(text)) },
      { weight: 1, arbitrary: style },
    ),
    again: rarely('', 'code', 'extFields', 'flag', 'unknown'),
  })
  return fc
    .tuple(
      commandOf(fields),
      odd,
      fc.shuffledSubarray(['code', 'extFields', 'flag', 'language', 'opaque', 'remark', 'version'], { minLength: 6 }),
    )
    .map(([command, { comma, colon, number, close, style, again }, order]) => {
      const ext = Object.entries(command.extFields).map(
        ([name, text]) => `${JSON.stringify(name)}${colon}${style(text)}`,
      )
      const members: Record<string, string> = {
        code: number || String(command.code),
        extFields: `{${ext.join(comma)}${close}`,
        flag: String(command.flag),
        language: style(command.language),
        opaque: String(command.opaque),
        remark: style(command.remark ?? ''),
        unknown: '[]',
        version: String(command.version),
      }
      const names = again === '' ? order : [...order, again]
      return Buffer.from(`{${names.map(name => `"${name}":${members[name]}`).join(',')}}`)
    })
}

const TYPES = ['JSON', 'ROCKETMQ'] as const
const headerBytes = (command: RemotingCommand, type: SerializeType) =>
  Buffer.from(encodeHeader(command, 0, type).subarray(8))

describe.each(Object.keys(HOT))('%s', name => {
  const { fields, read } = HOT[name]!
  const isSend = name.startsWith('SEND')
  const agree = (frame: Frame) =>
    expect(outcome(() => seen(read(frame)))).toEqual(outcome(() => ordinary(frame, fields, isSend)))

  test.each(TYPES)('both decoders agree on headers (%s)', type => {
    fc.assert(
      fc.property(commandOf(fields), command =>
        agree(frameOfHeader(headerBytes(command, type), type, Buffer.from('body'))),
      ),
      { numRuns: 500 },
    )
  })

  test('both decoders agree on headers by other hands', () => {
    fc.assert(
      fc.property(handwritten(fields), bytes => agree(frameOfHeader(bytes, 'JSON', Buffer.from('"}}')))),
      { numRuns: 1000 },
    )
  })

  test.each(TYPES)('both decoders agree on damaged headers (%s)', type => {
    fc.assert(
      fc.property(mutated(commandOf(fields).map(command => headerBytes(command, type))), bytes =>
        agree(frameOfHeader(bytes, type)),
      ),
      { numRuns: 1000 },
    )
  })

  test.each(TYPES)('both decoders agree on a header cut off anywhere (%s)', type => {
    const [command] = fc.sample(commandOf(fields), { numRuns: 1, seed: 7 })
    const bytes = headerBytes(command!, type)
    for (let length = 0; length <= bytes.length; length++) agree(frameOfHeader(bytes.subarray(0, length), type))
  })

  test.each(TYPES)('both decoders agree on any bytes (%s)', type => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), bytes => agree(frameOfHeader(bytes, type))))
  })
})

test('what clients send takes the hot way', () => {
  const scanner = new HeaderScanner(['b', 'i'])
  for (const header of [
    // Java: members in alphabetical order.
    '{"code":310,"extFields":{"a":"g","b":"T","i":"KEYS\\u0001k\\u0002"},"flag":0,"language":"JAVA","opaque":1,"serializeTypeCurrentRPC":"JSON","version":513}',
    // Go: members in the order of its struct; escapes what HTML knows.
    '{"code":310,"language":"GO","version":317,"opaque":1,"flag":0,"remark":"","extFields":{"b":"T","i":"a\\u0001\\u003c\\u0002"}}',
    // Text beyond ASCII as it is.
    '{"code":310,"extFields":{"b":"T","i":"KEYS\\u0001名\\u0002"},"flag":0,"language":"JAVA","opaque":1,"version":513}',
  ])
    expect(scanner.scan(frameOfHeader(Buffer.from(header), 'JSON'))).toBe(true)
})

test('properties come as bytes that can be stored', () => {
  const properties = 'KEYS\u0001a"b\\c\u0002TAGS\u0001名\u0002'
  for (const type of TYPES) {
    const command = fc.sample(anyCommand, { numRuns: 1, seed: 1 })[0]!
    const extFields = { a: 'g', b: 'T', c: 'TBW102', d: '4', e: '0', f: '0', g: '1', h: '0', i: properties }
    const request = decodeSendV2(frameOfHeader(headerBytes({ ...command, extFields }, type), type))
    expect(request.properties).toBe(properties)
    expect(Buffer.from(request.propertiesBytes!)).toEqual(Buffer.from(properties))
  }
})

test('properties of many requests held at once stay apart', () => {
  const command = fc.sample(anyCommand, { numRuns: 1, seed: 1 })[0]!
  const requests = Array.from({ length: 2000 }, (_, i) => {
    const extFields = {
      a: 'g',
      b: 'T',
      c: 'TBW102',
      d: '4',
      e: '0',
      f: '0',
      g: '1',
      h: '0',
      i: `n\u0001${i}\u0002${'x'.repeat(i % 90)}`,
    }
    return decodeSendV2(frameOfHeader(headerBytes({ ...command, extFields }, 'JSON'), 'JSON'))
  })
  for (const [i, request] of requests.entries())
    expect(request.properties).toBe(`n\u0001${i}\u0002${'x'.repeat(i % 90)}`)
})

test('peek agrees with the ordinary decoder', () => {
  for (const type of TYPES) {
    const agree = (frame: Frame) => {
      const expected = outcome(() => decodeHeader(frame))
      const { code, opaque, flag } = 'value' in expected ? expected.value : { code: 0, opaque: 0, flag: 0 }
      const found = outcome(() => peek(frame))
      if ('value' in found) expect(found.value).toMatchObject({ code, opaque, flag })
      else expect(found).toEqual(expected)
    }
    fc.assert(fc.property(anyCommand, command => agree(frameOfHeader(headerBytes(command, type), type))))
    fc.assert(
      fc.property(mutated(anyCommand.map(command => headerBytes(command, type))), bytes =>
        agree(frameOfHeader(bytes, type)),
      ),
    )
  }
})

const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

describe.each(TYPES)('reply writers, %s', serializeType => {
  const responder = { language: 'JAVA', version: 513, serializeType } as const
  const into = Buffer.alloc(4096, 0xee)

  /** Decodes what was written and looks that nothing else was. */
  function written(end: number, maxBytes: number, bodyLength: number): ReturnType<typeof decodeHeader> {
    expect(end - 5).toBeLessThanOrEqual(maxBytes)
    expect(into.readInt32BE(5)).toBe(end - 5 - 4 + bodyLength)
    expect(into.readInt32BE(9) & 0xffffff).toBe(end - 5 - 8)
    return decodeHeader({ buffer: into, serializeType, headerStart: 13, headerEnd: end, end })
  }

  test('a send reply reads as the ordinary one', () => {
    const hostHex = '7F00000100002A9F'
    const writer = new SendReplyWriter({ ...responder, hostHex, regionId: 'Default"Region', traceOn: true })
    const id = fc.oneof(someText, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }))
    const offset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
    const transaction = fc.option(someText, { nil: undefined })
    const property = fc.property(
      int,
      fc.integer({ min: -1000, max: 3000 }),
      id,
      int,
      offset,
      transaction,
      transaction,
      (opaque, code, msgId, queueId, queueOffset, transactionId, recallHandle) => {
        const end = writer.write(into, 5, opaque, code, msgId, queueId, queueOffset, transactionId, recallHandle)
        const header = written(end, writer.maxBytes(msgId, transactionId, recallHandle), 0)
        const text =
          typeof msgId === 'string' ? msgId : hostHex + BigInt(msgId).toString(16).toUpperCase().padStart(16, '0')
        expect(header).toMatchObject({ code, opaque, flag: RESPONSE_FLAG, language: 'JAVA', version: 513 })
        const reply = { msgId: text, queueId, queueOffset, transactionId, regionId: 'Default"Region', traceOn: true }
        expect(compileHeader(sendMessage.reply).decode(header.extFields)).toEqual({
          ...reply,
          batchUniqId: undefined,
          recallHandle,
        })
      },
    )
    fc.assert(property, { numRuns: 500 })
  })

  test('a pull reply reads as the ordinary one', () => {
    const writer = new PullReplyWriter(responder)
    const long = fc.maxSafeInteger()
    const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
    const head = fc.record({
      opaque: int,
      code: fc.integer({ min: 0, max: 3000 }),
      remark: someText,
      suggestWhichBrokerId: long,
      nextBeginOffset: long,
      minOffset: long,
      maxOffset: long,
      offsetDelta: maybe(long),
      topicSysFlag: maybe(int),
      groupSysFlag: maybe(int),
      forbiddenType: maybe(int),
    })
    const property = fc.property(head, fc.nat({ max: 1_000_000 }), (given, bodyLength) => {
      const header = written(writer.write(into, 5, given, bodyLength), writer.maxBytes(given), bodyLength)
      const { opaque, code, remark, ...reply } = given
      expect(header).toMatchObject({ code, opaque, remark, flag: RESPONSE_FLAG, language: 'JAVA', version: 513 })
      expect(compileHeader(pullMessage.reply).decode(header.extFields)).toEqual(reply)
    })
    fc.assert(property, { numRuns: 500 })
  })
})
