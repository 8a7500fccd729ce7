import { encodeHost } from '@rocketcluster/protocol'
import { parseAddress } from '@rocketcluster/remoting/internal'

const known = new WeakMap<object, Uint8Array>()

/** The address of a client as records hold it; worked out once for each connection. */
export function bornHostOf(connection: { readonly remoteAddress: string }): Uint8Array {
  let bytes = known.get(connection)
  if (!bytes) {
    const { host, port } = parseAddress(connection.remoteAddress)
    bytes = encodeHost(host, port)
    known.set(connection, bytes)
  }
  return bytes
}
