import { brokerRequests, type HeaderOf } from '@rocketcluster/protocol'
import { RemotingServer } from '@rocketcluster/remoting'
import { nodeWorld } from '@rocketcluster/world/node'

type Header = HeaderOf<typeof brokerRequests.notifyMinBrokerIdChange>

/** A port such as a broker's, that remembers the NOTIFY_MIN_BROKER_ID_CHANGE it is sent. */
export async function notifyMinBrokerIdChange() {
  const headers: Header[] = []
  const requests = { notifyMinBrokerIdChange: brokerRequests.notifyMinBrokerIdChange }
  const server = new RemotingServer(nodeWorld(), {
    host: '127.0.0.1',
    port: 0,
    requests,
    handlers: {
      notifyMinBrokerIdChange(header: Header) {
        headers.push(JSON.parse(JSON.stringify(header)))
        return {}
      },
    },
    services: {},
  })
  const { port } = await server.start()
  return { port, headers, close: () => server.close() }
}
