import { stringify } from 'yaml'
import { z } from 'zod'
import { GROUP, KIND, NAME_MAX_LENGTH, rocketClusterSpec, VERSION } from './rocket-cluster.ts'

type JsonSchema = Record<string, unknown>

/** The CustomResourceDefinition of RocketCluster as an object. */
export function rocketClusterCrd(): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `rocketclusters.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind: KIND,
        listKind: `${KIND}List`,
        plural: 'rocketclusters',
        singular: 'rocketcluster',
        // Not `rc`: that is ReplicationController.
        shortNames: ['rmq'],
        categories: ['all'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            { name: 'Groups', type: 'integer', jsonPath: '.spec.broker.groups', description: 'Broker groups.' },
            {
              name: 'Members',
              type: 'integer',
              jsonPath: '.spec.broker.replicas',
              description: 'Members of each group.',
            },
            {
              name: 'Replication',
              type: 'string',
              jsonPath: '.spec.broker.durability.replication',
              description: 'Whether a send waits for the replicas.',
              priority: 1,
            },
            {
              name: 'Ready',
              type: 'string',
              jsonPath: '.status.conditions[?(@.type=="Ready")].status',
              description: 'Whether clients can send and receive.',
            },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description:
                'A RocketMQ cluster: name servers, and groups of brokers on persistent volumes. ' +
                'An empty spec is a name server and a broker.',
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                // An object without spec gets the defaults too.
                spec: { ...(structural(jsonSchema()) as JsonSchema), default: {} },
                status: {
                  type: 'object',
                  description: 'What the operator observed.',
                  'x-kubernetes-preserve-unknown-fields': true,
                },
              },
              'x-kubernetes-validations': [
                {
                  rule: `self.metadata.name.size() <= ${NAME_MAX_LENGTH}`,
                  message: `metadata.name is too long; allowed are at most ${NAME_MAX_LENGTH} characters`,
                },
                {
                  rule: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                  message:
                    'metadata.name is not a name; allowed are lower-case letters, digits and dashes, a letter first and no dash last',
                },
              ],
            },
          },
        },
      ],
    },
  }
}

/** crds/rocketclusters.yaml, to the byte. */
export function rocketClusterCrdYaml(): string {
  const header = '# Written by `npm run generate` from crds/src/rocket-cluster.ts; change it there.\n'
  return header + stringify(rocketClusterCrd(), { lineWidth: 120, aliasDuplicateObjects: false })
}

function jsonSchema(): unknown {
  return z.toJSONSchema(rocketClusterSpec, { io: 'input', unrepresentable: 'any', target: 'openapi-3.0' })
}

/** What the API server takes over from a JSON schema, key by key; all other keys are dropped. */
const KEPT = new Set([
  'type',
  'description',
  'default',
  'enum',
  'minLength',
  'maxLength',
  'pattern',
  'items',
  'minItems',
  'maxItems',
  'required',
  'x-kubernetes-validations',
  'x-kubernetes-int-or-string',
  'x-kubernetes-preserve-unknown-fields',
])

/**
 * A JSON schema as a structural one: unions become int-or-string, closed objects become plain ones (the API server
 * refuses or prunes unknown fields by itself), and the limits that only say "a safe integer" go.
 */
function structural(schema: unknown): unknown {
  const given = schema as JsonSchema
  const out: JsonSchema = {}
  for (const [key, value] of Object.entries(given)) if (KEPT.has(key)) out[key] = value
  if (given['x-kubernetes-int-or-string']) {
    delete out.type
    return out
  }
  if (given['x-kubernetes-preserve-unknown-fields']) return { ...out, type: 'object' }
  if (given.type === 'integer') {
    if (typeof given.minimum === 'number' && given.minimum > Number.MIN_SAFE_INTEGER) out.minimum = given.minimum
    if (typeof given.maximum === 'number' && given.maximum < Number.MAX_SAFE_INTEGER) out.maximum = given.maximum
  }
  if (given.items) out.items = structural(given.items)
  if (given.properties) {
    out.properties = Object.fromEntries(
      Object.entries(given.properties as JsonSchema).map(([name, property]) => [name, structural(property)]),
    )
  } else if (typeof given.additionalProperties === 'object') {
    out.additionalProperties = structural(given.additionalProperties)
  }
  return out
}
