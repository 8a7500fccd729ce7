import { describe, expect, test } from '@jest/globals'
import type { ProcessIdentity } from '@rocketcluster/config'
import fc from 'fast-check'
import { allPorts, choosePorts, portCount, portsFrom, wellKnownPorts } from './ports.ts'

/** `replicas`: of each broker's group. */
const processes = (nameServers: number, brokers: number, replicas = 1): ProcessIdentity[] => [
  ...Array.from({ length: nameServers }, (_, n) => ({ kind: 'nameserver', name: `ns-${n}` }) as const),
  ...(replicas > 1 ? [{ kind: 'controller', name: 'c-0' } as const] : []),
  ...Array.from({ length: brokers * replicas }, (_, n) => {
    const brokerName = `b-${Math.floor(n / replicas)}`
    const member = n % replicas
    return replicas > 1
      ? ({ kind: 'broker', name: `${brokerName}-${member}`, brokerName, brokerId: member + 1 } as const)
      : ({ kind: 'broker', name: brokerName, brokerName, brokerId: 0 } as const)
  }),
]

test('--port BASE: the first name server on BASE, the rest after it, no two alike and no gaps', () => {
  fc.assert(
    fc.property(fc.nat(8), fc.nat(63), fc.nat(3), (nameServers, brokers, replicas) => {
      const all = processes(nameServers + 1, brokers + 1, replicas + 1)
      const plan = portsFrom(20_000, all)
      expect(plan['ns-0']!.listenPort).toBe(20_000)
      const ports = [...allPorts(plan, all).keys()].sort((a, b) => a - b)
      expect(ports).toEqual(Array.from({ length: portCount(all) }, (_, n) => 20_000 + n))
    }),
  )
})

test("the well-known ports are RocketMQ's", () => {
  const plan = wellKnownPorts(processes(1, 2))
  expect(plan['ns-0']!.listenPort).toBe(9876)
  expect(plan['b-0']!.listenPort).toBe(10_911)
  expect(allPorts(plan, processes(1, 2)).size).toBe(portCount(processes(1, 2)))
  // Clients that were given a broker's address find the master.
  expect(wellKnownPorts(processes(1, 2, 3))['b-0']!.listenPort).toBe(10_911)
})

describe('choosePorts', () => {
  const all = processes(1, 1)
  const everythingFree = async () => true
  const yes = async () => true
  const no = async () => false
  const random = () => 0.5

  test('well-known ones first, others when those are taken or somebody else has them', async () => {
    expect(await choosePorts(all, undefined, yes, everythingFree, random)).toEqual(wellKnownPorts(all))
    const free = await choosePorts(all, undefined, no, everythingFree, random)
    expect(free!['ns-0']!.listenPort).toBeGreaterThanOrEqual(20_000)
    expect(await choosePorts(all, undefined, yes, async port => port !== 9876, random)).toEqual(free)
  })

  test("last time's again while they are free", async () => {
    const last = portsFrom(25_000, all)
    expect(await choosePorts(all, last, yes, everythingFree, random)).toEqual(last)
    expect(await choosePorts(all, last, no, async port => port !== 25_003, random)).not.toEqual(last)
    // A cluster that has grown needs more than it had.
    expect(await choosePorts(processes(1, 2), last, no, everythingFree, random)).not.toEqual(last)
  })

  test("last time's well-known ones are not taken from somebody who has them now", async () => {
    expect(await choosePorts(all, wellKnownPorts(all), no, everythingFree, random)).not.toEqual(wellKnownPorts(all))
    expect(await choosePorts(all, wellKnownPorts(all), yes, everythingFree, random)).toEqual(wellKnownPorts(all))
  })

  test('none free is undefined', async () => {
    expect(await choosePorts(all, undefined, yes, no, random)).toBeUndefined()
  })
})
