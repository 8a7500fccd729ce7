import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from '@jest/globals'
import { cleanUp, connectTo, startNameserver } from './testing/fixture.ts'
import type { RawRequest } from './testing/raw-client.ts'

afterEach(cleanUp)

// What Apache RocketMQ 5.5.0 sent and answered, recorded on the wire.

function captured(name: string): {
  header: { code: number; version: number; extFields?: Record<string, string> }
  body: Buffer
} {
  const frame = readFileSync(new URL(`../../protocol/captures/apache-5.5.0-${name}.bin`, import.meta.url))
  const headerEnd = 8 + (frame.readInt32BE(4) & 0xffffff)
  return { header: JSON.parse(frame.toString('utf8', 8, headerEnd)), body: frame.subarray(headerEnd) }
}

function request(name: string): [code: number, request: RawRequest] {
  const { header, body } = captured(`${name}-request`)
  return [header.code, { ext: header.extFields, body, version: header.version }]
}

test("what Apache's broker registers is answered to Apache's clients as Apache's name server does, byte for byte", async () => {
  const client = await connectTo(await startNameserver())
  const registered = await client.ask(...request('register-broker'))
  expect(registered).toMatchObject({
    code: captured('register-broker-response').header.code,
    body: captured('register-broker-response').body,
  })
  expect(registered.remark).toBeUndefined()

  // The topic that the recorded routes are of was created after the broker had registered.
  const { queueDatas } = JSON.parse(captured('get-routeinfo-by-topic-response').body.toString())
  const topic = captured('get-routeinfo-by-topic-request').header.extFields!.topic!
  expect(await client.ask(217, { ext: { topic }, body: JSON.stringify({ queueDatas }) })).toMatchObject({ code: 0 })

  for (const name of ['get-routeinfo-by-topic', 'get-routeinfo-by-topic-old-client', 'get-broker-cluster-info']) {
    const answer = await client.ask(...request(name))
    expect([answer.code, answer.body.toString()]).toEqual([0, captured(`${name}-response`).body.toString()])
  }
  const topics = (body: Buffer): string[] => JSON.parse(body.toString()).topicList
  const ours = topics((await client.ask(...request('get-all-topic-list-from-nameserver'))).body)
  const theirs = topics(captured('get-all-topic-list-from-nameserver-response').body)
  // Apache's list was recorded when clients had created more; every topic of the registration is in both.
  expect(theirs).toEqual(expect.arrayContaining(ours.filter(name => name !== topic)))

  const { extFields: ext } = captured('register-broker-request').header
  expect(await client.ask(104, { ext })).toMatchObject({ code: 0 })
  expect(await client.ask(...request('get-routeinfo-by-topic'))).toMatchObject({ code: 17 })
})
