import { expect, test } from '@jest/globals'
import { chooseAddress } from './addresses.ts'
import { nodeWorld, serveHttp } from './index.ts'

test('http: routes, unknown paths, other methods, routes that throw', async () => {
  const server = await serveHttp({
    host: '127.0.0.1',
    port: 0,
    routes: {
      '/livez': () => ({ status: 200, body: 'ok\n' }),
      '/readyz': async () => ({ status: 503, body: 'not yet\n', contentType: 'text/x' }),
      '/metrics': () => {
        throw new Error('broken gauge')
      },
    },
  })
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
    return [response.status, await response.text()]
  }
  expect(await get('/livez?verbose')).toEqual([200, 'ok\n'])
  expect(await get('/livez', 'HEAD')).toEqual([200, ''])
  expect(await get('/readyz')).toEqual([503, 'not yet\n'])
  expect(await get('/metrics')).toEqual([500, 'broken gauge\n'])
  expect((await get('/constructor'))[0]).toBe(404)
  expect((await get('/livez', 'POST'))[0]).toBe(405)
  await expect(serveHttp({ host: '127.0.0.1', port: server.port, routes: {} })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  })
  await server.close()
})

test('the address others reach us under', () => {
  const at = (address: string, internal = false) => [
    { address, internal, family: address.includes(':') ? ('IPv6' as const) : ('IPv4' as const) },
  ]
  const choose = (interfaces: object) => chooseAddress(interfaces as never, name => name === 'docker0')
  expect(choose({ lo: at('127.0.0.1', true), docker0: at('172.17.0.1'), eth0: at('10.1.2.3') })).toBe('10.1.2.3')
  expect(choose({ wifi: at('192.168.1.2'), eth0: at('10.1.2.3') })).toBe('10.1.2.3')
  expect(choose({ wifi: at('192.168.1.2'), eth0: at('2001:db8::1') })).toBe('192.168.1.2')
  expect(choose({ eth0: at('fe80::1'), eth1: at('2001:db8::1') })).toBe('2001:db8::1')
  expect(choose({ lo: at('127.0.0.1', true) })).toBe('127.0.0.1')
})

test('clock: sleep, abort, cancel, delays longer than Node can count', async () => {
  const { clock } = nodeWorld()
  const start = clock.monotonicMs()
  await clock.sleep(10)
  expect(clock.monotonicMs() - start).toBeGreaterThan(8)
  const abort = new AbortController()
  const sleeping = clock.sleep(60_000, abort.signal)
  abort.abort(new Error('enough'))
  await expect(sleeping).rejects.toThrow('enough')
  await expect(clock.sleep(1, abort.signal)).rejects.toThrow('enough')
  let fired = 0
  const timers = [clock.setTimeout(() => fired++, 5), clock.setTimeout(() => fired++, 2 ** 33)]
  timers[0]!.cancel()
  await clock.sleep(20)
  timers[1]!.cancel()
  expect(fired).toBe(0)
  const date = new Date(2026, 4, 6, 7, 8, 9, 10)
  expect(clock.localTime(date.getTime())).toEqual({
    year: 2026,
    month: 5,
    day: 6,
    hour: 7,
    minute: 8,
    second: 9,
    millisecond: 10,
  })
})

test('random stays within its bounds', () => {
  const { random } = nodeWorld()
  for (const bound of [1, 2, 1000, 2 ** 50]) expect(random.int(bound)).toBeLessThan(bound)
  expect(() => random.int(0)).toThrow('int(0): bound must be an integer from 1')
  expect(random.bytes(5).length).toBe(5)
})
