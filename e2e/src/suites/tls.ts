/** TLS on the port that plain clients use, with the official Java client. */
import { strict as assert } from 'node:assert'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { selfSignedCertificate } from '@rocketcluster/world/node'
import { type Client, run, runToEnd } from '../clients/client.ts'
import { java } from '../clients/java.ts'
import { startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Scope, suite } from '../runner/suite.ts'

/** The same client, told to encrypt; it takes any certificate, as it does in Apache's own test mode. */
const javaOverTls: Client = {
  ...java,
  name: 'java 5.5.0 over TLS',
  async prepare() {
    const { command, args } = await java.prepare()
    return { command, args: ['-Dtls.enable=true', '-Dtls.client.authServer=false', ...args] }
  },
}

async function certificateConf(mode: 'permissive' | 'enforcing') {
  const directory = await mkdtemp(join(tmpdir(), 'tls-'))
  const { certificate, key } = selfSignedCertificate()
  const paths = { certificate: join(directory, 'server.pem'), key: join(directory, 'server.key') }
  await writeFile(paths.certificate, certificate)
  await writeFile(paths.key, key)
  return { 'tls.server.mode': mode, 'tls.server.certPath': paths.certificate, 'tls.server.keyPath': paths.key }
}

async function cluster(scope: Scope, mode: 'permissive' | 'enforcing') {
  // The name server also serves brokers, which register without encryption: it never enforces here.
  const nameServer = await startOwnNameServer(scope, { conf: await certificateConf('permissive') })
  await startOwnBroker(scope, { nameServers: [nameServer.address], conf: await certificateConf(mode) })
  return nameServer.address
}

const numbers = (messages: readonly { n: number }[]) => [...new Set(messages.map(({ n }) => n))].sort((a, b) => a - b)

export default suite('tls', ({ test }) => {
  test('one port serves encrypted and plain clients: what one sends the other consumes', async context => {
    const nameServer = await cluster(context, 'permissive')
    const options = { 'name-server': nameServer, topic: 'TlsPermissive' }
    await runToEnd(javaOverTls, 'send', { ...options, count: 20 })
    await runToEnd(java, 'send', { ...options, start: 20, count: 20 })
    for (const client of [java, javaOverTls]) {
      const group = client === java ? 'plain' : 'encrypted'
      const consumer = await runToEnd(client, 'push', { ...options, group, expect: 40, seconds: 90 })
      assert.deepEqual(
        numbers(consumer.received),
        Array.from({ length: 40 }, (_, n) => n),
      )
    }
  })

  test('an enforcing broker serves who encrypts, and closes on who does not', async context => {
    const nameServer = await cluster(context, 'enforcing')
    const options = { 'name-server': nameServer, topic: 'TlsEnforcing' }
    const sender = await runToEnd(javaOverTls, 'send', { ...options, count: 20 })
    assert.equal(sender.sent.length, 20)
    const plain = await run(java, 'send', { ...options, count: 1 })
    context.defer(() => plain.child.kill())
    const deadline = performance.now() + 30_000
    while (plain.failures.length === 0 && performance.now() < deadline) await sleep(100)
    assert.match(plain.failures.join('\n'), /^failed 0 .*Exception/)
    assert.equal(plain.sent.length, 0)
  })
})
