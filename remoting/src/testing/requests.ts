import { type BodyCodec, bytesBody, f, request } from '@rocketcluster/protocol'

const text: BodyCodec<string> = { encode: value => Buffer.from(value), decode: bytes => bytes.toString() }

/** Made-up requests, so that these tests are about remoting only. */
export const echo = request({
  code: 7001,
  header: { text: f.string(), times: f.int().default(1) },
  body: bytesBody,
  reply: { text: f.string(), length: f.int() },
  replyBody: bytesBody,
})
export const wait = request({ code: 7002, header: { ms: f.int() }, reply: { ms: f.int() } })
export const fail = request({
  code: 7003,
  header: { how: f.string() },
  reply: { offset: f.long() },
  answers: ['QUERY_NOT_FOUND'],
})
export const note = request({ code: 7004, header: { text: f.string() }, oneWay: true })
export const ask = request({
  code: 7005,
  header: { question: f.string() },
  reply: { answer: f.string() },
  replyBody: text,
})
export const hot = request({
  code: 7006,
  header: { text: f.string() },
  body: bytesBody,
  reply: {},
  replyBody: bytesBody,
})

const names: BodyCodec<string[]> = {
  encode: value => Buffer.from(JSON.stringify(value)),
  decode: bytes => JSON.parse(bytes.toString()),
}
/** A code that takes more than 16 bits, as the POP family's do. */
export const list = request({ code: 200_999, header: { count: f.int() }, replyBody: names })

export const testRequests = { echo, wait, fail, note, ask, hot }
