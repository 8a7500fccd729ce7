import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parse } from 'yaml'
import { rocketClusterCrdYaml } from './crd.ts'
import { ManifestError, validateRocketCluster } from './parse.ts'

const schema = parse(rocketClusterCrdYaml()).spec.versions[0].schema.openAPIV3Schema
const { broker, nameServer } = schema.properties.spec.properties

/** Our CEL rules use so little of CEL that JavaScript reads them alike, given `has`. */
function celHolds(node: { 'x-kubernetes-validations': { rule: string }[] }, self: unknown): boolean {
  const has = (field: unknown) => field !== undefined
  return node['x-kubernetes-validations'].every(
    ({ rule }) => new Function('self', 'has', `return ${rule}`)(self, has) === true,
  )
}

/** Whether our own parser takes it. */
function weTake(spec: object, name = 'demo'): boolean {
  try {
    validateRocketCluster({ apiVersion: 'rocketcluster.dev/v1beta1', kind: 'RocketCluster', metadata: { name }, spec })
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(ManifestError)
    return false
  }
}

describe('the API server and our own parser agree', () => {
  test('on members in sync', () => {
    for (let replicas = 1; replicas <= 7; replicas++) {
      for (const minInSyncReplicas of [undefined, 1, 2, 3, 4, 5, 6, 7]) {
        const spec = { replicas, durability: { minInSyncReplicas } }
        expect([replicas, minInSyncReplicas, celHolds(broker, spec)]).toEqual([
          replicas,
          minInSyncReplicas,
          weTake({ broker: spec }),
        ])
      }
    }
  })

  test.each([
    ['broker', broker.properties.config],
    ['nameServer', nameServer.properties.config],
  ])('on the keys of spec.%s.config that follow from other fields', (section, node) => {
    const owned = node['x-kubernetes-validations'].map(
      ({ rule }: { rule: string }) => /'(\w+)'/.exec(rule)![1]!,
    ) as string[]
    expect(owned.length).toBeGreaterThan(5)
    for (const key of [...owned, 'logLevel', 'toString']) {
      // As the API server sees it: a map without JavaScript's own members.
      const config = Object.assign(Object.create(null), { [key]: 'x' })
      expect([key, celHolds(node, config)]).toEqual([key, weTake({ [section]: { config: { [key]: 'x' } } })])
    }
  })

  test('on names', () => {
    const character = fc.constantFrom('a', 'z', '0', '-', 'A', '.', '_')
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: character, maxLength: 6 }),
          fc.string({ unit: fc.constantFrom('a', '-'), minLength: 38, maxLength: 42 }),
        ),
        name => {
          const celName = { size: () => name.length, matches: (pattern: string) => new RegExp(pattern).test(name) }
          expect(celHolds(schema, { metadata: { name: celName } })).toBe(weTake({}, name))
        },
      ),
    )
  })
})
