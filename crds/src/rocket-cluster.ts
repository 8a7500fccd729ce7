import { z } from 'zod'
import { ownedBrokerKeys, ownedNamesrvKeys } from './owned-keys.ts'
import { quantity } from './quantity.ts'
import { ruled } from './rule.ts'

/**
 * The kind RocketCluster. One schema: the type, the validator, the CRD and `kubectl explain` come from it, so every
 * description is written for the user who reads it there. `quickstart.yaml` shows how little of it is needed.
 */
export const GROUP = 'rocketcluster.dev'
export const VERSION = 'v1beta1'
export const API_VERSION = `${GROUP}/${VERSION}`
export const KIND = 'RocketCluster'

/** A pod's name is `<cluster>-broker-<group>-<member>`, at most 63 characters; this leaves room for what comes behind. */
export const NAME_MAX_LENGTH = 40
const NAME = /^[a-z]([-a-z0-9]*[a-z0-9])?$/

/** A free map of configuration keys. Numbers may stand bare; anything else is text, as in a ConfigMap. */
function configKeys(file: string, example: string, owned: Readonly<Record<string, string>>) {
  const value = z
    .union([z.string(), z.int()], { error: 'is neither text nor a whole number; put it in quotes' })
    .meta({ 'x-kubernetes-int-or-string': true })
  return ruled(
    z
      .record(z.string(), value)
      .describe(
        `Keys of ${file}, as docs/configuration.md lists them: ${example}. ` +
          'true and false stand in quotes. Keys that follow from other fields are refused.',
      ),
    Object.entries(owned).map(([key, sentence]) => ({
      cel: `!('${key}' in self)`,
      path: [key],
      message: `${key} ${sentence}`,
      holds: config => !Object.hasOwn(config, key),
    })),
  ).prefault({})
}

const labels = () => z.record(z.string(), z.string())

const resources = z
  .strictObject({
    requests: z
      .record(z.string(), quantity())
      .optional()
      .describe('What is set aside for the container: { cpu: 500m, memory: 512Mi }.'),
    limits: z.record(z.string(), quantity()).optional().describe('What the container can use at most.'),
  })
  .describe('Compute resources of the container, as in a pod. The local runtime does not limit its processes.')

const scheduling = z
  .strictObject({
    nodeSelector: labels().optional().describe('Labels that a node must have.'),
    tolerations: z
      .array(
        z.strictObject({
          key: z.string().optional().describe('Taint key; empty with operator Exists matches every taint.'),
          operator: z.enum(['Exists', 'Equal']).optional().describe('How key and value are compared.'),
          value: z.string().optional().describe('Taint value, for Equal.'),
          effect: z
            .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
            .optional()
            .describe('Taint effect; empty matches all.'),
          tolerationSeconds: z.int().optional().describe('How long a NoExecute taint is tolerated.'),
        }),
      )
      .optional()
      .describe('Taints that the pods tolerate.'),
    affinity: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Affinity, as in a pod. Without it the members of a group avoid sharing a node.')
      .meta({ 'x-kubernetes-preserve-unknown-fields': true }),
    topologySpreadConstraints: z
      .array(z.record(z.string(), z.unknown()).meta({ 'x-kubernetes-preserve-unknown-fields': true }))
      .optional()
      .describe('Topology spread constraints, as in a pod.'),
    priorityClassName: z.string().optional().describe('Priority class of the pods.'),
  })
  .describe('Where the pods may run. Kubernetes only.')

const podMetadata = z
  .strictObject({
    labels: labels().optional().describe('Further labels of the pods.'),
    annotations: labels().optional().describe('Further annotations of the pods.'),
  })
  .describe('Further metadata of the pods. Kubernetes only.')

export const nameServerSpec = z
  .strictObject({
    replicas: z
      .int()
      .min(1)
      .max(9)
      .default(1)
      .describe('Number of name servers. They share nothing: every broker registers with each of them.'),
    config: configKeys('namesrv.conf', '{ enableTopicList: "false" }', ownedNamesrvKeys),
    resources: resources.optional(),
    scheduling: scheduling.optional(),
    podMetadata: podMetadata.optional(),
  })
  .describe('The name servers: they tell clients which broker has which queues.')

export const durabilitySpec = z
  .strictObject({
    replication: z
      .enum(['Sync', 'Async'])
      .default('Sync')
      .describe('Sync: a send is acknowledged when every replica in sync has it. Async: when the master has it.'),
    flush: z
      .enum(['Sync', 'Async'])
      .default('Async')
      .describe('Sync: what a member has is on stable storage. Async: it is written, and synced twice a second.'),
    minInSyncReplicas: z
      .int()
      .min(1)
      .max(7)
      .optional()
      .describe(
        'Members in sync, the master included, below which sends are refused. ' +
          'Default 1 for groups of one or two members and 2 from three members on.',
      ),
  })
  .describe('What an acknowledged send has survived.')

export const storageSpec = z
  .strictObject({
    size: quantity()
      .default('10Gi')
      .describe('Size of each volume. It can grow later, and never shrinks. The local runtime does not limit it.'),
    storageClassName: z
      .string()
      .optional()
      .describe("Storage class of the volumes; default is the cluster's default class. Kubernetes only."),
    whenDeleted: z
      .enum(['Retain', 'Delete'])
      .default('Retain')
      .describe('What becomes of the volumes when the RocketCluster is deleted. Kubernetes only.'),
  })
  .describe('Volume of each broker.')

export const brokerSpec = ruled(
  z
    .strictObject({
      groups: z
        .int()
        .min(1)
        .max(64)
        .default(1)
        .describe(
          'Number of broker groups, each with one master. Topics spread over all of them; more groups take more load.',
        ),
      replicas: z
        .int()
        .min(1)
        .max(7)
        .default(1)
        .describe('Members of each group: 1 is a master alone, 3 a master with two replicas.'),
      durability: durabilitySpec.prefault({}),
      storage: storageSpec.prefault({}),
      config: configKeys('broker.conf', '{ fileReservedTime: 72, autoCreateTopicEnable: "false" }', ownedBrokerKeys),
      resources: resources.optional(),
      scheduling: scheduling.optional(),
      podMetadata: podMetadata.optional(),
    })
    .describe('The brokers: they keep the messages.'),
  [
    {
      cel: '!has(self.durability.minInSyncReplicas) || self.durability.minInSyncReplicas <= self.replicas',
      path: ['durability', 'minInSyncReplicas'],
      message: 'is above spec.broker.replicas: a group cannot have more members in sync than members',
      holds: ({ durability, replicas }) => (durability.minInSyncReplicas ?? 1) <= replicas,
    },
  ],
)

export const monitoringSpec = z
  .strictObject({
    metrics: z.boolean().default(true).describe('Serve /metrics for Prometheus, under the names of RocketMQ 5.'),
    labels: labels().optional().describe('Labels that every metric carries.'),
  })
  .describe('What can be watched from outside.')

export const rocketClusterSpec = z
  .strictObject({
    image: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Image of name servers and brokers. Default is the one of the operator that first sees the cluster, kept in status. Kubernetes only.',
      ),
    imagePullPolicy: z
      .enum(['Always', 'IfNotPresent', 'Never'])
      .optional()
      .describe('When the image is pulled. Kubernetes only.'),
    imagePullSecrets: z
      .array(z.strictObject({ name: z.string().min(1).describe('Name of a Secret in the same namespace.') }))
      .optional()
      .describe('Secrets to pull the image with. Kubernetes only.'),
    nameServer: nameServerSpec.prefault({}),
    broker: brokerSpec.prefault({}),
    monitoring: monitoringSpec.prefault({}),
  })
  .describe('What the cluster should be.')

/** What the API server adds to metadata: a manifest taken from `kubectl get -o yaml` is as good as one written by hand. */
const serverMetadata = {
  uid: z.unknown().optional(),
  resourceVersion: z.unknown().optional(),
  generation: z.unknown().optional(),
  creationTimestamp: z.unknown().optional(),
  deletionTimestamp: z.unknown().optional(),
  deletionGracePeriodSeconds: z.unknown().optional(),
  managedFields: z.unknown().optional(),
  finalizers: z.unknown().optional(),
  ownerReferences: z.unknown().optional(),
  selfLink: z.unknown().optional(),
}

export const rocketCluster = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal(KIND),
  metadata: z.strictObject({
    name: z
      .string()
      .max(NAME_MAX_LENGTH)
      .regex(NAME, {
        error: 'is not a name; allowed are lower-case letters, digits and dashes, a letter first and no dash last',
      })
      .describe('Name of the cluster; brokers register under it.'),
    namespace: z.string().optional(),
    labels: labels().optional(),
    annotations: labels().optional(),
    ...serverMetadata,
  }),
  spec: rocketClusterSpec.prefault({}),
  status: z.unknown().optional(),
})

/** A validated RocketCluster with all defaults filled in. */
export type RocketCluster = z.output<typeof rocketCluster>
/** A RocketCluster as a user may write it. */
export type RocketClusterManifest = z.input<typeof rocketCluster>

/** `spec.broker.durability.minInSyncReplicas`, or what it is when not set (DESIGN part 5). */
export function minInSyncReplicas(cluster: RocketCluster): number {
  const { replicas, durability } = cluster.spec.broker
  return durability.minInSyncReplicas ?? (replicas < 3 ? 1 : 2)
}
