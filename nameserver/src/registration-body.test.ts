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

const odd = fc.constantFrom<unknown>(undefined, null, '7', 1.5, 2 ** 31, 2 ** 60, -1, true, [], {}, 'x')
const or = (usual: fc.Arbitrary<unknown>) => fc.oneof({ weight: 30, arbitrary: usual }, { weight: 1, arbitrary: odd })
const int = or(fc.integer({ min: 0, max: 16 }))
const topic = or(
  fc.record({
    topicName: or(fc.constantFrom('A', 'B', '__proto__')),
    readQueueNums: int,
    writeQueueNums: int,
    perm: int,
    topicSysFlag: int,
    order: or(fc.boolean()),
    topicFilterType: or(fc.constantFrom('SINGLE_TAG', 'MULTI_TAG')),
    attributes: or(fc.dictionary(fc.string(), or(fc.string()))),
  }),
)
const body = or(
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
    { numRuns: 6000 },
  )
  // About one in ten is taken; a bound well below that fails only when the quick decoder takes next to nothing.
  expect(taken).toBeGreaterThan(300)
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
