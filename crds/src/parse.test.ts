import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ManifestError, parseRocketCluster, validateRocketCluster } from './parse.ts'
import { minInSyncReplicas } from './rocket-cluster.ts'

const HEAD = 'apiVersion: rocketcluster.dev/v1beta1\nkind: RocketCluster\nmetadata:\n  name: demo\n'

const problems = (text: string): string[] => {
  try {
    parseRocketCluster(text)
  } catch (error) {
    if (error instanceof ManifestError) return error.message.split('\n')
    throw error
  }
  return []
}

test('the smallest manifest', () => {
  expect(parseRocketCluster(HEAD).spec).toEqual({
    nameServer: { replicas: 1, config: {} },
    broker: {
      groups: 1,
      replicas: 1,
      durability: { replication: 'Sync', flush: 'Async' },
      storage: { size: '10Gi', whenDeleted: 'Retain' },
      config: {},
    },
    monitoring: { metrics: true },
  })
})

test('fields without a value are as good as left out, and so is what the API server adds', () => {
  const text = `${HEAD}  uid: 1\n  creationTimestamp: null\n  managedFields: [{}]\nspec:\n  broker:\n    config:\n    groups: 2\n  nameServer:\nstatus: { ready: true }\n`
  expect(parseRocketCluster(text).spec).toMatchObject({
    broker: { groups: 2, config: {} },
    nameServer: { replicas: 1 },
  })
})

test('JSON is YAML', () => {
  const manifest = { apiVersion: 'rocketcluster.dev/v1beta1', kind: 'RocketCluster', metadata: { name: 'demo' } }
  expect(parseRocketCluster(JSON.stringify(manifest)).metadata.name).toBe('demo')
})

test('minInSyncReplicas follows from the number of members', () => {
  const of = (broker: object) =>
    minInSyncReplicas(
      validateRocketCluster({
        apiVersion: 'rocketcluster.dev/v1beta1',
        kind: 'RocketCluster',
        metadata: { name: 'a' },
        spec: { broker },
      }),
    )
  expect([1, 2, 3, 4].map(replicas => of({ replicas }))).toEqual([1, 1, 2, 2])
  expect(of({ replicas: 3, durability: { minInSyncReplicas: 3 } })).toBe(3)
})

describe('problems', () => {
  test.each([
    ['', ['the manifest is empty']],
    ['# only a comment\n---\n', ['the manifest is empty']],
    ['hello', ['the manifest is "hello"; allowed is a RocketCluster (line 1)']],
    ['- a', ['the manifest is a list; allowed is a RocketCluster (line 1)']],
    [`${HEAD}---\n${HEAD}`, ['the manifest holds 2 documents; allowed is one RocketCluster']],
    [
      'kind: Pod',
      [
        'apiVersion: is missing; allowed is rocketcluster.dev/v1beta1',
        'kind: is "Pod"; allowed is RocketCluster (line 1)',
      ],
    ],
    [
      HEAD.replace('v1beta1', 'v2'),
      ['apiVersion: is "rocketcluster.dev/v2"; allowed is rocketcluster.dev/v1beta1 (line 1)'],
    ],
    ['apiVersion: rocketcluster.dev/v1beta1\nkind: RocketCluster', ['metadata: is missing; allowed is a map (line 1)']],
    [
      HEAD.replace('demo', '7up'),
      [
        'metadata.name: "7up" is not a name; allowed are lower-case letters, digits and dashes, a letter first and no dash last (line 4)',
      ],
    ],
    [
      HEAD.replace('demo', 'a'.repeat(41)),
      [expect.stringMatching(/^metadata\.name: "a+" is too long; allowed are at most 40 characters \(line 4\)$/)],
    ],
  ])('%j', (text, expected) => {
    expect(problems(text)).toEqual(expected)
  })

  test('what is not YAML says the line', () => {
    expect(problems(`${HEAD}spec:\n  broker: [`)).toEqual([expect.stringMatching(/^not YAML: .* \(line 6\)$/)])
    expect(problems(`${HEAD}kind: RocketCluster\n`)).toEqual(['not YAML: Map keys must be unique (line 5)'])
    expect(problems(`${HEAD}spec: *nobody\n`)).toEqual([expect.stringMatching(/^not YAML: Unresolved alias/)])
  })

  test('aliases that multiply are not followed', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...['b', 'c', 'd', 'e', 'f', 'g'].map((key, i) => `${key}: &${key} [${Array(9).fill(`*${'abcdef'[i]}`)}]`),
    ]
    expect(problems(bomb.join('\n'))).toEqual([expect.stringMatching(/^not YAML: Excessive alias count/)])
  })

  test('all of them at once, each with the field, the value, what is allowed, and the line', () => {
    const text = `${HEAD}  label: {}
spec:
  brokr: {}
  nameServer:
    replicas: 10
  broker:
    groups: 0
    replicas: two
    durability: { replication: sync, flush: true }
    storage: { size: 10GB }
    config: { autoCreateTopicEnable: false, fileReservedTime: 1.5 }
    scheduling:
      tolerations:
        - effect: Never
  monitoring: { metrics: "yes" }
  imagePullSecrets: secret
`
    expect(problems(text).sort()).toEqual(
      [
        'metadata.label: there is no such field; did you mean labels?; allowed are name, namespace, labels, annotations (line 5)',
        'spec.brokr: there is no such field; did you mean broker?; allowed are image, imagePullPolicy, imagePullSecrets, nameServer, broker, monitoring (line 7)',
        'spec.nameServer.replicas: 10 is above 9; allowed is a whole number from 1 to 9 (line 9)',
        'spec.broker.groups: 0 is below 1; allowed is a whole number from 1 to 64 (line 11)',
        'spec.broker.replicas: "two" is not a whole number from 1 to 7 (line 12)',
        'spec.broker.durability.replication: "sync" is not one of Sync, Async (line 13)',
        'spec.broker.durability.flush: true is not one of Sync, Async (line 13)',
        'spec.broker.storage.size: "10GB" is not a quantity; allowed is a number with a unit, such as 500m, 2 or 10Gi (line 14)',
        'spec.broker.config.autoCreateTopicEnable: false is neither text nor a whole number; put it in quotes (line 15)',
        'spec.broker.config.fileReservedTime: 1.5 is neither text nor a whole number; put it in quotes (line 15)',
        'spec.broker.scheduling.tolerations[0].effect: "Never" is not one of NoSchedule, PreferNoSchedule, NoExecute (line 18)',
        'spec.monitoring.metrics: "yes" is not true or false (line 19)',
        'spec.imagePullSecrets: "secret" is not a list (line 20)',
      ].sort(),
    )
  })

  test('more members in sync than members', () => {
    expect(problems(`${HEAD}spec: { broker: { replicas: 2, durability: { minInSyncReplicas: 3 } } }`)).toEqual([
      'spec.broker.durability.minInSyncReplicas: 3 is above spec.broker.replicas: a group cannot have more members in sync than members (line 5)',
    ])
  })

  test.each([
    ['brokerRole', 'follows from the group; set spec.broker.durability.replication instead'],
    ['flushDiskType', 'follows from the group; set spec.broker.durability.flush instead'],
    ['brokerId', 'follows from the group; set spec.broker.replicas instead'],
    ['storePathRootDir', 'is chosen by what runs the cluster; set spec.broker.storage instead'],
    ['namesrvAddr', 'follows from the cluster; set spec.nameServer.replicas instead'],
  ])('config may not set %s', (key, sentence) => {
    expect(problems(`${HEAD}spec:\n  broker:\n    config:\n      ${key}: x\n`)).toEqual([
      `spec.broker.config.${key}: ${sentence} (line 8)`,
    ])
  })

  test('any text at all is a cluster or a ManifestError', () => {
    const yamlish = fc.string({
      unit: fc.constantFrom(
        'a',
        ':',
        ' ',
        '\n',
        '-',
        '[',
        '{',
        '}',
        ']',
        '&',
        '*',
        '"',
        "'",
        '#',
        '|',
        '>',
        '!',
        '0',
        '\t',
      ),
    })
    const spec = fc.json().map(json => `${HEAD}spec: ${json}`)
    fc.assert(
      fc.property(fc.oneof(yamlish, fc.string(), spec), text => {
        try {
          parseRocketCluster(text)
        } catch (error) {
          expect(error).toBeInstanceOf(ManifestError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
