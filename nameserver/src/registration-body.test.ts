import { expect, test } from '@jest/globals'
import { MQVersion, registerBrokerBody } from '@rocketcluster/protocol'
import fc from 'fast-check'
import { decodeRegistration, decodeUsual, type RegistrationBody } from './registration-body.ts'

/** What the general decoder makes of a text. */
function general(text: string): RegistrationBody | 'refused' {
  try {
    const { topicConfigSerializeWrapper: wrapper, filterServerList } = registerBrokerBody.decode(Buffer.from(text))
    return {
      dataVersion: wrapper.dataVersion,
      topics: [...wrapper.topicConfigTable].map(
        ([name, { topicName = name, readQueueNums, writeQueueNums, perm, topicSysFlag }]) => ({
          topicName,
          readQueueNums,
          writeQueueNums,
          perm,
          topicSysFlag,
        }),
      ),
      topicQueueMappings: [...wrapper.topicQueueMappingInfoMap.values()],
      filterServers: filterServerList,
    }
  } catch {
    return 'refused'
  }
}

const odd = fc.constantFrom<unknown>('MULTI_TAG', undefined, null, '7', 1.5, 2 ** 31, 2 ** 60, -1, true, [], {}, 'x')

/** What brokers say, with one odd value in about so many. */
function bodyWith(oneIn: number): fc.Arbitrary<unknown> {
  const or = (usual: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: oneIn, arbitrary: usual }, { weight: 1, arbitrary: odd })
  const int = or(fc.integer({ min: 0, max: 16 }))
  const topic = or(
    fc.record({
      topicName: or(fc.constantFrom('A', 'B', '__proto__')),
      readQueueNums: int,
      writeQueueNums: int,
      perm: int,
      topicSysFlag: int,
      order: or(fc.boolean()),
      topicFilterType: or(fc.constant('SINGLE_TAG')),
      attributes: or(fc.dictionary(fc.string(), or(fc.string()))),
    }),
  )
  return or(
    fc.record({
      filterServerList: or(fc.array(or(fc.string()))),
      topicConfigSerializeWrapper: or(
        fc.record({
          dataVersion: or(fc.record({ stateVersion: int, timestamp: int, counter: int })),
          topicConfigTable: or(fc.dictionary(fc.constantFrom('A', 'B', 'C', '1', '__proto__'), topic)),
          topicQueueMappingInfoMap: or(fc.constant({})),
        }),
      ),
    }),
  )
}

/** Some so odd that hardly any is taken, some so usual that most are. */
const body = fc.oneof(bodyWith(30), bodyWith(1000))

test('what the quick decoder takes, it reads as the general one does', () => {
  let taken = 0
  fc.assert(
    fc.property(body, value => {
      const text = JSON.stringify(value) ?? ''
      const usual = decodeUsual(text)
      if (usual === undefined) return
      taken++
      expect(usual).toEqual(general(text))
    }),
    { numRuns: 3000 },
  )
  // It takes six in ten of these; half as many would mean that it has become picky.
  expect(taken).toBeGreaterThan(1000)
})

test('an attribute whose name looks like JSON is just a name', () => {
  const topic = { topicName: 'A', readQueueNums: 1, writeQueueNums: 1, perm: 6, topicSysFlag: 0, order: false }
  const text = JSON.stringify({
    filterServerList: [],
    topicConfigSerializeWrapper: {
      dataVersion: { stateVersion: 0, timestamp: 0, counter: 0 },
      topicConfigTable: { A: { ...topic, topicFilterType: 'SINGLE_TAG', attributes: { '{}': '', '{': '' } } },
      topicQueueMappingInfoMap: {},
    },
  })
  expect(general(text)).toEqual(decodeUsual(text))
})

test('any bytes are read or refused with an error that names the body', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1 }),
      fc.boolean(),
      fc.constantFrom(0, MQVersion.V3_0_11, MQVersion.V5_5_0),
      (bytes, compressed, version) => {
        try {
          decodeRegistration(Buffer.from(bytes), { compressed, version })
        } catch (error) {
          expect(error).toMatchObject({ name: 'FieldError', message: expect.stringContaining('body') })
        }
      },
    ),
  )
})
