import { describe, expect, test } from '@jest/globals'
import { decodeBatch, decodePull, decodeSendV2, type Frame, FrameDecoder } from '@rocketcluster/protocol'
import { writeDigits } from './digits.ts'
import { OFFSET_DIGITS, pullTemplate, SERIAL_DIGITS, sendTemplate } from './frames.ts'

function frameOf(bytes: Buffer): Frame {
  const decoder = new FrameDecoder()
  decoder.push(bytes)
  return decoder.next()!
}

const shape = { topic: 'T', brokerName: 'broker-a', bodyBytes: 1024, queues: 8 }

describe('what the generators send is what the protocol says', () => {
  test('a message, with its digits patched', () => {
    const { frame, opaqueAt, queueAt, serialsAt, bodyAt } = sendTemplate({ ...shape, batch: 1 })
    writeDigits(frame, opaqueAt, SERIAL_DIGITS, 1234)
    frame[queueAt] = 48 + 5
    for (const at of serialsAt[0]!) writeDigits(frame, at, SERIAL_DIGITS, 42)
    const send = decodeSendV2(frameOf(frame))
    expect(send).toMatchObject({ opaque: 1_000_001_234, topic: 'T', queueId: 5, batch: false })
    expect(send.properties).toContain('KEYS\x01order-00000042\x02')
    expect(send.properties).toContain('UNIQ_KEY\x017F000001000118B4AAC2000000000042\x02')
    expect(frame.length - bodyAt).toBe(1024)
  })

  test('a batch, each message with its own keys', () => {
    const { frame, serialsAt } = sendTemplate({ ...shape, batch: 3 })
    for (const [i, positions] of serialsAt.entries())
      for (const at of positions) writeDigits(frame, at, SERIAL_DIGITS, i + 1)
    const headerEnd = 8 + frame.readInt32BE(4)
    expect(decodeSendV2(frameOf(frame)).batch).toBe(true)
    const items = [...decodeBatch(frame.subarray(headerEnd))]
    expect(items.map(item => item.body.length)).toEqual([1024, 1024, 1024])
    expect(items.map(item => item.properties.toString('latin1').slice(0, 20))).toEqual(
      [1, 2, 3].map(n => `KEYS\x01order-0000000${n}\x02`),
    )
  })

  test('a pull', () => {
    const template = { topic: 'T', brokerName: 'broker-a', maxMessages: 32, suspendMs: 15_000 }
    const { frame, offsetAt, queueAt } = pullTemplate(template)
    writeDigits(frame, offsetAt, OFFSET_DIGITS, 77)
    frame[queueAt] = 48 + 3
    expect(decodePull(frameOf(frame))).toMatchObject({
      topic: 'T',
      queueId: 3,
      queueOffset: 77,
      maxMsgNums: 32,
      sysFlag: 6,
      suspendTimeoutMillis: 15_000,
      subscription: '*',
    })
  })
})
