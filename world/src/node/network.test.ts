import net from 'node:net'
import { expect, test } from '@jest/globals'
import { Ear, expectNetworkError } from '../contract/network.ts'
import type { Connection, TlsClientOptions, TlsMode } from '../network.ts'
import { nodeNetwork } from './network.ts'
import { endpoint } from './network-error.ts'
import { selfSignedCertificate } from './self-signed.ts'

const pem = selfSignedCertificate('first')

async function echo(mode: TlsMode, more: object = {}) {
  const accepted: Connection[] = []
  const listener = await nodeNetwork.listen({
    host: '127.0.0.1',
    port: 0,
    tls: { mode, ...pem, ...more },
    onConnection(connection) {
      accepted.push(connection)
      connection.onData = chunk => connection.write([Buffer.from(connection.encrypted ? 'tls ' : 'plain '), chunk])
    },
  })
  const ask = async (tls?: TlsClientOptions) => {
    const ear = new Ear(await nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 3000, tls }))
    ear.connection.write([Buffer.from('hello')])
    await ear.until(() => ear.closings.length > 0 || ear.received.toString().endsWith('hello'))
    ear.connection.destroy()
    await ear.closed()
    return ear.received.toString()
  }
  return { listener, accepted, ask }
}

test('permissive serves both on one port', async () => {
  const { listener, ask } = await echo('permissive')
  expect(await ask()).toBe('plain hello')
  expect(await ask({ insecure: true })).toBe('tls hello')
  expect(await ask({ trustedCertificates: pem.certificate })).toBe('tls hello')
  await expectNetworkError('tls', ask({}))
  await expectNetworkError('tls', ask({ trustedCertificates: selfSignedCertificate().certificate }))
  await listener.close()
})

test('enforcing closes plain connections, disabled closes TLS ones', async () => {
  const enforcing = await echo('enforcing')
  expect(await enforcing.ask()).toBe('')
  expect(await enforcing.ask({ insecure: true })).toBe('tls hello')
  await enforcing.listener.close()
  const disabled = await echo('disabled')
  expect(await disabled.ask()).toBe('plain hello')
  await expectNetworkError('tls', disabled.ask({ insecure: true }))
  await disabled.listener.close()
})

test('a client certificate may be required', async () => {
  const client = selfSignedCertificate('client')
  const { listener, ask } = await echo('enforcing', {
    clientAuthentication: 'require',
    trustedCertificates: client.certificate,
  })
  expect(await ask({ insecure: true, certificate: client.certificate, key: client.key })).toBe('tls hello')
  const stranger = selfSignedCertificate('stranger')
  expect(await ask({ insecure: true, certificate: stranger.certificate, key: stranger.key }).catch(() => '')).toBe('')
  expect(await ask({ insecure: true }).catch(() => '')).toBe('')
  await listener.close()
})

test('certificates are changed while it listens; bad ones are refused and the old ones stay', async () => {
  const { listener, ask } = await echo('permissive')
  const second = selfSignedCertificate('second')
  expect(() => listener.updateTls({ mode: 'permissive', certificate: 'no', key: 'no' })).toThrow(/cannot be used/)
  expect(() => listener.updateTls({ mode: 'enforcing' })).toThrow(/needs both certificate and key/)
  expect(await ask({ trustedCertificates: pem.certificate })).toBe('tls hello')
  listener.updateTls({ mode: 'permissive', ...second })
  await expectNetworkError('tls', ask({ trustedCertificates: pem.certificate }))
  expect(await ask({ trustedCertificates: second.certificate })).toBe('tls hello')
  await listener.close()
})

test.each(['disabled', 'permissive'] as const)('a PROXY header tells who is really there (%s)', async mode => {
  const { listener, accepted } = await echo(mode)
  const socket = net.connect(listener.port, '127.0.0.1')
  // Byte by byte: nothing may hang on the chunks.
  for (const byte of 'PROXY TCP4 203.0.113.9 10.0.0.1 5555 10911\r\nhello') {
    socket.write(byte)
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  const answer = await new Promise(resolve => socket.once('data', chunk => resolve(String(chunk))))
  expect(answer).toMatch(/^plain /)
  expect(accepted[0]!.remoteAddress).toBe('203.0.113.9:5555')
  expect(accepted[0]!.localAddress).toBe('10.0.0.1:10911')
  socket.destroy()

  const liar = net.connect(listener.port, '127.0.0.1')
  liar.on('error', () => {})
  liar.write('PROXY TCP4 nobody nowhere 1 2\r\n')
  await new Promise(resolve => liar.once('close', resolve))
  await listener.close()
})

test('connecting to nobody: refused, timeout', async () => {
  const { listener } = await echo('disabled')
  await listener.close()
  await expectNetworkError('refused', nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 3000 }))
  // A listener which accepts and then says nothing keeps a TLS client waiting.
  const mute = net.createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await new Promise(resolve => mute.once('listening', resolve))
  const { port } = mute.address() as net.AddressInfo
  await expectNetworkError('timeout', nodeNetwork.connect({ host: '127.0.0.1', port, timeoutMs: 100, tls: {} }))
  mute.close()
})

test('IPv6 stands in brackets, IPv4 inside IPv6 as IPv4', () => {
  expect(endpoint('2001:db8::1', 80)).toBe('[2001:db8::1]:80')
  expect(endpoint('::ffff:192.0.2.1', 80)).toBe('192.0.2.1:80')
})

test('a small piece that has to wait does not keep the large buffer that it was cut from', async () => {
  const { listener, accepted } = await echo('disabled')
  const connection = await nodeNetwork.connect({ host: '127.0.0.1', port: listener.port, timeoutMs: 3000 })
  const until = async (check: () => boolean) => {
    for (let tries = 0; tries < 1000 && !check(); tries++) await new Promise(resolve => setTimeout(resolve, 5))
  }
  await until(() => accepted.length === 1)
  const [peer] = accepted
  let last = Buffer.alloc(0)
  peer!.onData = chunk => (last = Buffer.concat([last, chunk]).subarray(-100))
  peer!.pause()
  connection.write([Buffer.alloc(32 * 1024 * 1024)])
  expect(connection.pendingBytes).toBeGreaterThan(0)
  const slab = Buffer.alloc(64 * 1024, 'a')
  connection.write([slab.subarray(0, 100)])
  // Were it still looked at, the peer would see this.
  slab.fill('b')
  peer!.resume()
  await until(() => last.length === 100 && last[0] !== 0)
  expect(last.toString()).toBe('a'.repeat(100))
  connection.destroy()
  await listener.close()
})
