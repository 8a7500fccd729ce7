import { afterEach } from '@jest/globals'
import type { World } from '@rocketcluster/world'
import { nodeWorld } from '@rocketcluster/world/node'
import { FakeCluster } from './fake-cluster.ts'

const closers: (() => Promise<unknown>)[] = []

/** Calls what was handed to `later`, last first, after each test. */
export function cleanUp(): void {
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })
}

export function later(close: () => Promise<unknown>): void {
  closers.push(close)
}

export async function startCluster({
  brokers = 2,
  nameServers = 1,
} = {}): Promise<{ world: World; cluster: FakeCluster }> {
  const world = nodeWorld()
  const cluster = new FakeCluster(world, brokers)
  await cluster.start(nameServers)
  later(() => cluster.stop())
  return { world, cluster }
}

export async function eventually(check: () => void | Promise<void>, timeoutMs = 5000): Promise<void> {
  const until = performance.now() + timeoutMs
  for (;;)
    try {
      await check()
      return
    } catch (error) {
      if (performance.now() > until) throw error
      await new Promise(resolve => setTimeout(resolve, 10))
    }
}
