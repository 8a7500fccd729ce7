import { existsSync } from 'node:fs'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/**
 * The address under which others reach this machine: the default of `brokerIP1`. The first IPv4 address that is neither
 * loopback nor of a bridge nor 192.168.*; else the last IPv4 one; else the first IPv6 one; else 127.0.0.1.
 * (The order is that of NetworkUtil.java, getLocalAddress.)
 */
export function chooseAddress(interfaces: Interfaces, isBridge: (name: string) => boolean): string {
  let lastIPv4: string | undefined
  let firstIPv6: string | undefined
  for (const [name, addresses] of Object.entries(interfaces)) {
    for (const { address, family, internal } of addresses ?? []) {
      if (internal || isBridge(name)) continue
      if (family === 'IPv6') {
        if (!address.startsWith('fe80:')) firstIPv6 ??= address
      } else if (address.startsWith('192.168.')) lastIPv4 = address
      else return address
    }
  }
  return lastIPv4 ?? firstIPv6 ?? '127.0.0.1'
}

/** `chooseAddress` of this machine, now. */
export function localAddress(): string {
  return chooseAddress(networkInterfaces(), name => existsSync(`/sys/class/net/${name}/bridge`))
}
