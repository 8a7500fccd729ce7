import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { processesOf, renderRocketCluster } from '@rocketcluster/config'
import { parseRocketCluster } from '@rocketcluster/crds'
import { portsFrom } from './up/ports.ts'

const examples = new URL('../../examples/', import.meta.url)
const files = readdirSync(examples).filter(name => name.endsWith('.yaml'))

test('there are some, quickstart among them', () => {
  expect(files).toEqual(
    expect.arrayContaining([
      'master-slaves.yaml',
      'quickstart.yaml',
      'several-masters.yaml',
      'sync-flush.yaml',
      'tuned.yaml',
    ]),
  )
})

test.each(files)('examples/%s is a RocketCluster that this version runs, without a warning', file => {
  const cluster = parseRocketCluster(readFileSync(new URL(file, examples), 'utf8'))
  expect(file).toBe(`${cluster.metadata.name}.yaml`)
  const ports = portsFrom(20_000, processesOf(cluster))
  const { processes, warnings } = renderRocketCluster(cluster, ({ name }) => ({
    host: '127.0.0.1',
    bindAddress: '127.0.0.1',
    ...ports[name]!,
    directory: `/data/${name}`,
  }))
  expect(warnings).toEqual([])
  const { nameServer, broker } = cluster.spec
  const controllers = broker.replicas > 1 ? 1 : 0
  expect(processes).toHaveLength(nameServer.replicas + controllers + broker.groups * broker.replicas)
})
