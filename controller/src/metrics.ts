import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ControllerEvent } from './controller.ts'
import type { GroupCondition, GroupRecord } from './state/index.ts'

/** Microseconds; the buckets of ControllerMetricsManager.java. */
const LATENCY_BUCKETS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap(unit => [unit, 3 * unit, 5 * unit]).concat(1e7)

/** MemberState.Role.LEADER: every controller acts, as only Apache's leader does. */
const ROLE_LEADER = 3

export interface MetricsSource {
  counts(): Iterable<{ readonly clusterName: string; readonly brokerName: string; readonly members: number }>
  records(): Iterable<{
    readonly record: GroupRecord | undefined
    readonly condition: GroupCondition
    readonly brokerName: string
  }>
}

/**
 * What /metrics shows: the names, labels and units of Apache's controller (ControllerMetricsConstant.java) where it has them.
 * Its dledger_* series are about its consensus log; what takes their place here is `record_store_*`.
 */
export class ControllerMetrics {
  readonly registry = new Registry()
  readonly #requests: Counter
  readonly #requestLatency: Histogram
  readonly #elections: Counter
  readonly #changes: Counter
  readonly #storeOps: Counter
  readonly #storeLatency: Histogram

  constructor(source: MetricsSource, labels: { address: string; group: string; peer_id: string }) {
    const registers = [this.registry]
    this.registry.setDefaultLabels(labels)
    const gauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void) =>
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset()
          collect(this)
        },
      })
    gauge('role', 'Role of this controller: always 3, leader, since every controller acts.', [], it =>
      it.set(ROLE_LEADER),
    )
    gauge('active_broker_num', 'Brokers alive, as this controller sees it.', ['cluster', 'broker_set'], it => {
      for (const { clusterName, brokerName, members } of source.counts())
        it.set({ cluster: clusterName, broker_set: brokerName }, members)
    })
    const ofRecords = (name: string, help: string, value: (record: GroupRecord) => number) =>
      gauge(name, help, ['cluster', 'broker_set'], it => {
        for (const { record } of source.records())
          if (record) it.set({ cluster: record.clusterName, broker_set: record.brokerName }, value(record))
      })
    ofRecords('master_epoch', 'Epoch of the group’s mastership.', ({ masterEpoch }) => masterEpoch)
    ofRecords(
      'sync_state_set_size',
      'Members in sync, the master among them.',
      ({ syncStateSet }) => syncStateSet.length,
    )
    ofRecords('group_member_num', 'Members of the group.', ({ members }) => members.length)
    gauge('group_condition', 'How each group is: 1 for the reason that holds.', ['broker_set', 'reason'], it => {
      for (const { brokerName, condition } of source.records())
        it.set({ broker_set: brokerName, reason: condition.reason }, 1)
    })
    this.#requests = new Counter({
      name: 'request_total',
      help: 'Requests handled.',
      labelNames: ['request_type', 'request_handle_status'],
      registers,
    })
    this.#requestLatency = new Histogram({
      name: 'request_latency',
      help: 'Time from a request to its answer, in microseconds.',
      labelNames: ['request_type'],
      buckets: LATENCY_BUCKETS,
      registers,
    })
    this.#elections = new Counter({
      name: 'election_total',
      help: 'Elections by their result.',
      labelNames: ['election_result'],
      registers,
    })
    this.#changes = new Counter({
      name: 'record_change_total',
      help: 'Changes of records; may_lose is true for an election that can lose acknowledged messages.',
      labelNames: ['broker_set', 'may_lose'],
      registers,
    })
    this.#storeOps = new Counter({
      name: 'record_store_op_total',
      help: 'Compare-and-swaps of records by outcome: success, conflict, failed, or unknown when the answer was lost.',
      labelNames: ['outcome'],
      registers,
    })
    this.#storeLatency = new Histogram({
      name: 'record_store_op_latency',
      help: 'Time of a compare-and-swap, in microseconds.',
      buckets: LATENCY_BUCKETS,
      registers,
    })
    for (const outcome of ['success', 'conflict', 'failed', 'unknown']) this.#storeOps.inc({ outcome }, 0)
    for (const result of ['new_master_elected', 'keep_current_master', 'no_master_elected'])
      this.#elections.inc({ election_result: result }, 0)
  }

  event(event: ControllerEvent): void {
    switch (event.kind) {
      case 'election':
        this.#elections.inc({ election_result: event.result })
        break
      case 'changed':
        this.#changes.inc({ broker_set: event.record.brokerName, may_lose: String(event.mayLose) })
        break
      case 'store':
        this.#storeOps.inc({ outcome: event.outcome })
        this.#storeLatency.observe(event.latencyMs * 1000)
        break
    }
  }

  /** `type` is RequestCode.java's name, as ControllerMetricsConstant.RequestType writes it. */
  request(type: string, status: 'success' | 'failed' | 'timeout', latencyMs: number): void {
    this.#requests.inc({ request_type: type, request_handle_status: status })
    this.#requestLatency.observe({ request_type: type }, latencyMs * 1000)
  }
}
