import { expect, test } from '@jest/globals'
import { decodeProperties, javaHash, printProperties } from '@rocketcluster/protocol'
import fc from 'fast-check'
import { StoredProperties } from './stored-properties.ts'

const make = () => {
  let made = 0
  return new StoredProperties({
    clusterName: 'C',
    regionId: 'R',
    traceOn: true,
    newUniqKey: () => `NEW${made++}`,
  })
}

const OWN = { MSG_REGION: 'R', TRACE_ON: 'true', CLUSTER: 'C' }
const REPLACED = ['WAIT', 'POP_CK', 'CLUSTER', 'MSG_REGION', 'TRACE_ON']

const name = fc.oneof(
  fc.constantFrom(
    ...['TAGS', 'KEYS', 'WAIT', 'UNIQ_KEY', 'DELAY', 'POP_CK', 'CLUSTER', 'TRAN_MSG', 'TRACE_ON', 'MSG_REGION'],
    ...['__SHARDINGKEY', 'TIMER_DELAY_MS', 'TIMER_DELAY_SEC', 'TIMER_DELIVER_MS', 'TAGZ', 'WAIS', 'MSG_REGIOM'],
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
)
const plain = (text: string) => !text.includes('\x01') && !text.includes('\x02')
const pairs = fc
  .array(
    fc.tuple(name, fc.oneof(fc.constantFrom('true', 'TRUE', 'false'), fc.string({ unit: 'grapheme', minLength: 1 }))),
  )
  .filter(list => list.every(([key, value]) => plain(key) && plain(value)))
  .map(list => new Map(list))

test('the stored form is the sent one without what is replaced, and with what this broker says', () => {
  fc.assert(
    fc.property(pairs, sent => {
      const properties = make()
      const stored = decodeProperties(Buffer.from(properties.rewrite(Buffer.from(printProperties(sent)))))
      const expected = new Map([...sent].filter(([key]) => !REPLACED.includes(key)))
      if (!expected.has('UNIQ_KEY')) expected.set('UNIQ_KEY', 'NEW0')
      for (const [key, value] of Object.entries(OWN)) expected.set(key, value)
      expect(new Map([...stored].sort())).toEqual(new Map([...expected].sort()))
    }),
  )
})

test('the traits are those of the map that Java would read', () => {
  fc.assert(
    fc.property(pairs, sent => {
      const properties = make()
      properties.rewrite(Buffer.from(printProperties(sent)))
      const { traits } = properties
      const isTrue = (key: string) => sent.get(key)?.toLowerCase() === 'true'
      expect(traits.tagsCode).toBe(sent.has('TAGS') ? javaHash(sent.get('TAGS')!) : 0)
      expect(traits.keys).toBe(sent.get('KEYS'))
      expect(traits.uniqKey).toBe(sent.get('UNIQ_KEY') ?? 'NEW0')
      expect(traits.waitStoreMsgOK).toBe(!sent.has('WAIT') || isTrue('WAIT'))
      expect(traits.transactionPrepared).toBe(isTrue('TRAN_MSG'))
      expect(traits.ordered).toBe(sent.has('__SHARDINGKEY'))
      const delays = ['DELAY', 'TIMER_DELAY_MS', 'TIMER_DELAY_SEC', 'TIMER_DELIVER_MS']
      expect(traits.delay !== undefined).toBe(delays.some(key => sent.has(key)))
    }),
  )
})

test('bytes that are no properties are dropped as Java drops them, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      const noise = Buffer.from([...bytes].map(byte => (byte > 200 ? 1 : byte > 150 ? 2 : byte % 128)))
      const stored = decodeProperties(Buffer.from(make().rewrite(noise)))
      const sent = decodeProperties(noise)
      for (const [key, value] of sent) if (!REPLACED.includes(key)) expect(stored.get(key)).toBe(value)
    }),
  )
})

test('nothing of one message is left for the next, and a longer one makes room', () => {
  const properties = make()
  properties.rewrite(
    Buffer.from(printProperties({ TAGS: 'a', KEYS: 'k', WAIT: 'false', DELAY: '1', TRAN_MSG: 'true' })),
  )
  const stored = properties.rewrite(Buffer.from(printProperties({ long: 'x'.repeat(200_000) })))
  expect(properties.traits).toMatchObject({
    tagsCode: 0,
    keys: undefined,
    waitStoreMsgOK: true,
    delay: undefined,
    transactionPrepared: false,
  })
  expect(decodeProperties(Buffer.from(stored)).get('long')).toHaveLength(200_000)
  properties.configure({ clusterName: 'C2', regionId: 'R2', traceOn: false })
  const changed = decodeProperties(Buffer.from(properties.rewrite(Buffer.alloc(0))))
  expect([changed.get('CLUSTER'), changed.get('MSG_REGION'), changed.get('TRACE_ON')]).toEqual(['C2', 'R2', 'false'])
})
