/** Nanoseconds of this thread's processor time per call of the hot readers and writers beside the ordinary ones: `node protocol/src/bench/hot.ts`. */
import { Buffer } from 'node:buffer'
import { decodeHeader, encodeCommand, encodeHeader, RESPONSE_FLAG, type RemotingCommand } from '../command.ts'
import { type Frame, FrameDecoder, type SerializeType } from '../frame.ts'
import { compileHeader } from '../header-codec.ts'
import {
  decodePull,
  decodeSendV2,
  decodeUpdateConsumerOffset,
  PullReplyWriter,
  peek,
  SendReplyWriter,
} from '../hot/index.ts'
import { pullMessage, sendMessageV2, updateConsumerOffset } from '../requests/index.ts'

const properties =
  'KEYS\u0001order-4711\u0002UNIQ_KEY\u00017F0000011F6C18B4AAC2000000000000\u0002WAIT\u0001true\u0002TAGS\u0001TagA\u0002CLUSTER\u0001DefaultCluster'

const send = {
  code: 310,
  language: 'JAVA',
  version: 513,
  opaque: 123_456,
  flag: 0,
  extFields: {
    a: 'producer_group',
    b: 'benchmark_topic',
    c: 'TBW102',
    d: '4',
    e: '3',
    f: '0',
    g: '1763831463000',
    h: '0',
    i: properties,
    j: '0',
    k: 'false',
    m: 'false',
    n: 'broker-a',
  },
} satisfies RemotingCommand
const pull = {
  ...send,
  code: 11,
  extFields: {
    consumerGroup: 'consumer_group',
    topic: 'benchmark_topic',
    queueId: '3',
    queueOffset: '4711',
    maxMsgNums: '32',
    sysFlag: '3',
    commitOffset: '4700',
    suspendTimeoutMillis: '15000',
    subscription: '*',
    subVersion: '1763831463000',
    expressionType: 'TAG',
    bname: 'broker-a',
  },
}
const offset = {
  ...send,
  code: 15,
  extFields: { consumerGroup: 'consumer_group', topic: 'benchmark_topic', queueId: '3', commitOffset: '4711' },
}

function frameOf(command: RemotingCommand, type: SerializeType): Frame {
  const decoder = new FrameDecoder()
  decoder.push(encodeCommand(command, type))
  return decoder.next()!
}

let sink: unknown
function measure(name: string, run: () => unknown): void {
  const calls = 300_000
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const start = process.threadCpuUsage()
    for (let i = 0; i < calls; i++) sink = run()
    const { user, system } = process.threadCpuUsage(start)
    best = Math.min(best, ((user + system) * 1000) / calls)
  }
  console.log(`${name.padEnd(48)} ${best.toFixed(0).padStart(6)} ns`)
}

for (const type of ['JSON', 'ROCKETMQ'] as const) {
  const [sendFrame, pullFrame, offsetFrame] = [frameOf(send, type), frameOf(pull, type), frameOf(offset, type)]
  const bytes = sendFrame.headerEnd - sendFrame.headerStart
  measure(`${type} send header (${bytes} bytes), hot`, () => decodeSendV2(sendFrame))
  measure(`${type} send header (${bytes} bytes), ordinary`, () =>
    compileHeader(sendMessageV2.header).decode(decodeHeader(sendFrame).extFields),
  )
  measure(`${type} pull header, hot`, () => decodePull(pullFrame))
  measure(`${type} pull header, ordinary`, () =>
    compileHeader(pullMessage.header).decode(decodeHeader(pullFrame).extFields),
  )
  measure(`${type} update offset header, hot`, () => decodeUpdateConsumerOffset(offsetFrame))
  measure(`${type} update offset header, ordinary`, () =>
    compileHeader(updateConsumerOffset.header).decode(decodeHeader(offsetFrame).extFields),
  )
  measure(`${type} send, peek`, () => peek(sendFrame))
}

const responder = { language: 'JAVA', version: 513, serializeType: 'JSON' } as const
const sends = new SendReplyWriter({
  ...responder,
  hostHex: '7F00000100002A9F',
  regionId: 'DefaultRegion',
  traceOn: true,
})
const pulls = new PullReplyWriter(responder)
const into = Buffer.alloc(4096)
const uniqKey = '7F0000011F6C18B4AAC2000000000000'
measure('send reply, hot', () => sends.write(into, 0, 4711, 0, 123_456_789_012, 3, 98_765, uniqKey))
const found = { opaque: 4711, code: 0, remark: 'FOUND', suggestWhichBrokerId: 0, nextBeginOffset: 4743, minOffset: 0 }
measure('pull reply head, hot', () => pulls.write(into, 0, { ...found, maxOffset: 98_765, topicSysFlag: 0 }, 40_000))
measure('send reply, ordinary', () =>
  encodeHeader(
    {
      ...send,
      code: 0,
      flag: RESPONSE_FLAG,
      extFields: {
        queueId: '3',
        queueOffset: '98765',
        msgId: '7F00000100002A9F0000001CBE991A14',
        transactionId: uniqKey,
      },
    },
    0,
  ),
)
const chunk = Buffer.concat(
  Array.from({ length: 40 }, () => encodeCommand({ ...send, body: Buffer.alloc(1024) }, 'JSON')),
)
const decoder = new FrameDecoder()
measure('40 frames of one chunk', () => {
  decoder.push(chunk)
  let frames = 0
  while (decoder.next() !== undefined) frames++
  return frames
})
if (sink === undefined) throw new Error('nothing was measured')
