import { describe, expect, test } from '@jest/globals'
import { MalformedError } from '../errors.ts'
import { encodeBatch } from './batch.ts'
import { compress } from './compression.ts'
import { decodeRecord, unwrapBatch } from './decoded-message.ts'
import { encodeHost } from './host.ts'
import { encodeProperties } from './properties.ts'
import { encodeRecord, type RecordMessage, recordSize } from './record.ts'
import { type CompressionType, sysFlag, withCompression } from './sys-flag.ts'

const plain: RecordMessage = {
  topic: Buffer.from('T'),
  queueId: 3,
  flag: 9,
  sysFlag: 0,
  bornTimestamp: 1,
  bornHost: encodeHost('fe80::1', 1),
  storeHost: encodeHost('10.0.0.1', 10911),
  reconsumeTimes: 0,
  preparedTransactionOffset: 0,
  body: Buffer.from('body'),
  properties: encodeProperties({ KEYS: ' a  b ', TAGS: 'x' }),
}

function stored(message: RecordMessage): Buffer {
  const into = Buffer.alloc(recordSize(message))
  encodeRecord(into, 0, message, 100, 2000, 3)
  return into
}

describe('a decoded message', () => {
  test.each(['ZLIB', 'LZ4', 'ZSTD'] as CompressionType[])(
    'unpacks its %s body when asked for it, within the limit',
    type => {
      const body = Buffer.alloc(10_000, 'abc')
      const record = stored({ ...plain, body: compress(type, body), sysFlag: withCompression(0, type) })
      expect(decodeRecord(record).body).toEqual(body)
      expect(decodeRecord(record).storedBody.length).toBeLessThan(1000)
      const limited = decodeRecord(record, 0, { maxBodyBytes: 9999 })
      expect(limited.tags).toBe('x')
      expect(() => limited.body).toThrow('longer than the 9999 bytes allowed')
    },
  )

  test('says when its compression is none that exists', () => {
    const message = decodeRecord(stored({ ...plain, sysFlag: sysFlag.COMPRESSED | 0x500 }))
    expect(() => message.body).toThrow(MalformedError)
    expect(() => message.body).toThrow(/sysFlag 0x511 names a compression that does not exist/)
  })

  test('has keys, and an id whether or not its producer gave it one', () => {
    const message = decodeRecord(stored(plain))
    expect(message.keys).toEqual(['a', 'b'])
    expect(message.msgId).toBe('0A00000100002A9F00000000000007D0')
    const withKey = { ...plain, properties: encodeProperties({ UNIQ_KEY: 'mine' }) }
    expect(decodeRecord(stored(withKey)).msgId).toBe('mine')
    expect(message.bornHost).toEqual({ address: 'fe80::1', port: 1 })
  })

  test('that holds a batch is taken apart, also when compressed', () => {
    const batch = encodeBatch([
      { flag: 1, body: Buffer.from('one'), properties: encodeProperties({ TAGS: 'a' }) },
      { flag: 2, body: Buffer.from('two'), properties: encodeProperties({ TAGS: 'b' }) },
    ])
    const flags = sysFlag.NEED_UNWRAP | sysFlag.INNER_BATCH
    for (const record of [
      stored({ ...plain, body: batch, sysFlag: flags }),
      stored({ ...plain, body: compress('ZLIB', batch), sysFlag: withCompression(flags, 'ZLIB') }),
    ]) {
      const [one, two] = unwrapBatch(decodeRecord(record))
      expect([one!.queueOffset, one!.flag, one!.body.toString(), one!.tags]).toEqual([100, 1, 'one', 'a'])
      expect([two!.queueOffset, two!.flag, two!.body.toString(), two!.tags]).toEqual([101, 2, 'two', 'b'])
      expect(two!.topic).toBe('T')
    }
    const single = decodeRecord(stored(plain))
    expect(unwrapBatch(single)).toEqual([single])
    expect(() => unwrapBatch(decodeRecord(stored({ ...plain, sysFlag: flags })))).toThrow(/^batch message 0/)
  })
})
