import { rocketClusterCrd } from './crd.ts'
import { API_VERSION, KIND } from './rocket-cluster.ts'

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly 'x-kubernetes-int-or-string'?: boolean
}

/** docs/rocketcluster.md, to the byte: every field of the manifest, as `kubectl explain` has it. */
export function rocketClusterPage(): string {
  const crd = rocketClusterCrd() as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } }
  const spec = crd.spec.versions[0]!.schema.openAPIV3Schema.properties!.spec!
  const rows = [...fields('spec', spec)].map(
    ([path, schema]) =>
      `| \`${path}\` | ${kindOf(schema)} | ${defaultOf(schema)} | ${(schema.description ?? '').replaceAll('|', '\\|')} |\n`,
  )
  return `<!-- Written by \`npm run generate\` from crds/src/rocket-cluster.ts; change it there. -->

# The manifest

\`\`\`yaml
apiVersion: ${API_VERSION}
kind: ${KIND}
metadata:
  name: quickstart
\`\`\`

is a whole one: everything below has a default. \`rocketcluster up -f FILE\` runs it as processes on this machine;
\`kubectl explain rocketcluster.spec\` says the same as this table. A field that is not in it is an error, not ignored.

| Field | Type | Default | Meaning |
| --- | --- | --- | --- |
${rows.join('')}`
}

function* fields(path: string, schema: Schema): Generator<[path: string, schema: Schema]> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    yield [`${path}.${name}`, field]
    yield* fields(`${path}.${name}`, field)
    if (field.items) yield* fields(`${path}.${name}[]`, field.items)
  }
}

function kindOf(schema: Schema): string {
  if (schema.enum) return schema.enum.join(', ')
  if (schema['x-kubernetes-int-or-string']) return 'quantity'
  if (schema.type === 'integer') {
    return schema.maximum === undefined ? 'whole number' : `${schema.minimum} to ${schema.maximum}`
  }
  if (schema.type === 'object') return 'map'
  if (schema.type === 'array') return 'list'
  return schema.type ?? ''
}

function defaultOf(schema: Schema): string {
  return schema.default === undefined || schema.type === 'object' ? '' : String(schema.default)
}
