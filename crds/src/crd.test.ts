import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { rocketClusterCrdYaml } from './crd.ts'

const text = rocketClusterCrdYaml()
const crd = parse(text)
const version = crd.spec.versions[0]
const schema = version.schema.openAPIV3Schema

type Schema = Record<string, any>

/** Every schema node with its path. */
function* nodes(node: Schema, path = 'spec'): Generator<[path: string, node: Schema]> {
  yield [path, node]
  for (const [name, property] of Object.entries((node.properties ?? {}) as Record<string, Schema>))
    yield* nodes(property, `${path}.${name}`)
  if (node.items) yield* nodes(node.items, `${path}[]`)
  if (node.additionalProperties) yield* nodes(node.additionalProperties, `${path}{}`)
}

test('crds/rocketclusters.yaml is current: else run `npm run generate`', () => {
  expect(readFileSync(new URL('../rocketclusters.yaml', import.meta.url), 'utf8')).toBe(text)
})

test('it is small enough for an annotation of last-applied configuration', () => {
  expect(text.length).toBeLessThan(60_000)
})

test('the schema is structural: the API server takes it', () => {
  for (const [path, node] of nodes(schema.properties.spec)) {
    const at = { path, keys: Object.keys(node) }
    // Every node has a type unless it says int-or-string, and no junctor or reference is left.
    expect({ ...at, ok: Boolean(node.type) !== Boolean(node['x-kubernetes-int-or-string']) }).toEqual({
      ...at,
      ok: true,
    })
    expect({
      ...at,
      bad: Object.keys(node).filter(key => /^(anyOf|oneOf|allOf|not|\$ref|const|propertyNames|nullable)$/.test(key)),
    }).toEqual({ ...at, bad: [] })
    expect({ ...at, both: Boolean(node.properties && node.additionalProperties) }).toEqual({ ...at, both: false })
    expect({ ...at, closed: node.additionalProperties === false }).toEqual({ ...at, closed: false })
  }
})

test('every field explains itself', () => {
  const silent = [...nodes(schema.properties.spec)]
    .filter(([path, node]) => !node.description && !/[\]}]$/.test(path))
    .map(([path]) => path)
  expect(silent).toEqual([])
})

test('rules, defaults, columns', () => {
  const { broker, nameServer } = schema.properties.spec.properties
  expect(broker['x-kubernetes-validations']).toEqual([
    {
      rule: '!has(self.durability.minInSyncReplicas) || self.durability.minInSyncReplicas <= self.replicas',
      message: expect.stringMatching(/^is above spec\.broker\.replicas/),
      fieldPath: '.durability.minInSyncReplicas',
    },
  ])
  expect(broker.properties.config['x-kubernetes-validations']).toContainEqual({
    rule: "!('brokerRole' in self)",
    message: 'brokerRole follows from the group; set spec.broker.durability.replication instead',
  })
  expect(broker.default).toEqual({})
  expect(broker.properties.groups).toMatchObject({ type: 'integer', minimum: 1, maximum: 64, default: 1 })
  expect(nameServer.properties.replicas.default).toBe(1)
  expect(version.additionalPrinterColumns.map(({ name }: { name: string }) => name)).toEqual([
    'Groups',
    'Members',
    'Replication',
    'Ready',
    'Age',
  ])
  expect(crd.spec.names.shortNames).toEqual(['rmq'])
})
