import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { RouteRegistry } from './registry/registry.ts'
import { MASTER_ID } from './registry/types.ts'

export type RemovalReason = 'unregistered' | 'expired' | 'channel_closed'

/**
 * What /metrics shows. Apache's name server has no metrics; the names follow its brokers' (`rocketmq_topic_number`,
 * `rocketmq_rpc_latency` with its buckets and labels).
 */
export class NameserverMetrics {
  readonly registry = new Registry()
  readonly #rpcLatency: Histogram
  readonly #removals: Counter
  readonly #registrations: Counter

  constructor(routes: RouteRegistry, connections: () => number) {
    const registers = [this.registry]
    this.registry.setDefaultLabels({ node_type: 'namesrv' })
    const gauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void) =>
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          // What has left must not stay in the picture with its last value.
          this.reset()
          collect(this)
        },
      })
    const byCluster = (value: (memberIds: readonly number[]) => number) => (target: Gauge) => {
      const { brokerAddrTable } = routes.clusterInfo()
      for (const { cluster, brokerAddrs } of brokerAddrTable.values())
        target.inc({ cluster }, value([...brokerAddrs.keys()]))
    }
    gauge('rocketmq_topic_number', 'Topics that have a route.', [], it => it.set(routes.sizes.topics))
    gauge(
      'rocketmq_namesrv_brokers',
      'Brokers registered, masters and slaves.',
      ['cluster'],
      byCluster(ids => ids.length),
    )
    gauge(
      'rocketmq_namesrv_broker_groups',
      'Broker groups registered.',
      ['cluster'],
      byCluster(() => 1),
    )
    gauge(
      'rocketmq_namesrv_broker_groups_without_master',
      'Broker groups of which only slaves are registered.',
      ['cluster'],
      byCluster(ids => (ids.includes(MASTER_ID) ? 0 : 1)),
    )
    gauge('rocketmq_namesrv_connections', 'Open connections of clients and brokers.', [], it => it.set(connections()))
    this.#registrations = new Counter({
      name: 'rocketmq_namesrv_registrations_total',
      help: 'REGISTER_BROKER requests by what became of them: registered, stale (of an earlier epoch, ignored) or refused.',
      labelNames: ['outcome'],
      registers,
    })
    this.#removals = new Counter({
      name: 'rocketmq_namesrv_brokers_removed_total',
      help: 'Brokers taken out of the routes, by reason: unregistered, expired or channel_closed.',
      labelNames: ['reason'],
      registers,
    })
    this.#rpcLatency = new Histogram({
      name: 'rocketmq_rpc_latency',
      help: 'Time from a request to its answer, in milliseconds.',
      labelNames: ['protocol_type', 'request_code', 'response_code', 'result'],
      buckets: [1, 3, 5, 7, 10, 100, 1000, 2000, 3000],
      registers,
    })
    for (const outcome of ['registered', 'stale', 'refused']) this.#registrations.inc({ outcome }, 0)
    for (const reason of ['unregistered', 'expired', 'channel_closed']) this.#removals.inc({ reason }, 0)
  }

  registration(outcome: 'registered' | 'stale' | 'refused'): void {
    this.#registrations.inc({ outcome })
  }

  removal(reason: RemovalReason, brokers: number): void {
    if (brokers > 0) this.#removals.inc({ reason }, brokers)
  }

  /** One request served; the names are those of RequestCode.java and ResponseCode.java in lower case. */
  request(requestCode: string, responseCode: string, result: string, latencyMs: number): void {
    this.#rpcLatency.observe(
      { protocol_type: 'remoting', request_code: requestCode, response_code: responseCode, result },
      latencyMs,
    )
  }
}
