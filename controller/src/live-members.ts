import type { MemberReport, Reports } from './state/index.ts'

/** How long an Apache broker may be silent when it does not say (DefaultBrokerHeartbeatManager.java). */
const DEFAULT_TIMEOUT_MS = 10_000

interface LiveMember<Connection> {
  report: MemberReport
  readonly connection: Connection
  lastMs: number
  timeoutMs: number
}

export interface Gone<Connection> {
  readonly brokerName: string
  readonly brokerId: number
  readonly connection: Connection
  readonly why: string
}

/**
 * Who is alive, as one controller sees it: each member's last report, the connection it came over, and when. In memory only.
 * A connection that closes takes its members with it at once; a silent one after the time that it named itself. Times are
 * of a monotonic clock, those of arrival: nobody's wall clock matters.
 */
export class LiveMembers<Connection> {
  readonly #groups = new Map<string, Map<number, LiveMember<Connection>>>()
  /** `brokerName/brokerId` of all that were ever alive here. */
  readonly #seen = new Set<string>()

  /** Takes what a member says of itself; `timeoutMs` is how long it may then be silent. */
  heard(report: MemberReport, connection: Connection, timeoutMs: number | undefined, nowMs: number): void {
    const { brokerName, brokerId } = report
    let group = this.#groups.get(brokerName)
    if (!group) {
      group = new Map()
      this.#groups.set(brokerName, group)
    }
    const known = group.get(brokerId)
    const sameConnection = known?.connection === connection
    // An Apache broker tells its process only once, when it registers.
    const processId = report.processId ?? (sameConnection ? known?.report.processId : undefined)
    group.set(brokerId, {
      report: { ...report, processId },
      connection,
      lastMs: nowMs,
      timeoutMs: timeoutMs !== undefined && timeoutMs > 0 ? timeoutMs : DEFAULT_TIMEOUT_MS,
    })
    this.#seen.add(`${brokerName}/${brokerId}`)
  }

  /** The live members of a group; the map is the caller's and does not change any more. */
  reports(brokerName: string): Reports {
    const reports = new Map<number, MemberReport>()
    for (const [brokerId, { report }] of this.#groups.get(brokerName) ?? []) reports.set(brokerId, report)
    return reports
  }

  report(brokerName: string, brokerId: number): MemberReport | undefined {
    return this.#groups.get(brokerName)?.get(brokerId)?.report
  }

  connection(brokerName: string, brokerId: number): Connection | undefined {
    return this.#groups.get(brokerName)?.get(brokerId)?.connection
  }

  /** Whether it has ever been alive here. */
  hasSeen(brokerName: string, brokerId: number): boolean {
    return this.#seen.has(`${brokerName}/${brokerId}`)
  }

  /** Names of groups with live members. */
  get groups(): string[] {
    return [...this.#groups.keys()]
  }

  /** Number of live members by cluster and broker name. */
  *counts(): Iterable<{ readonly clusterName: string; readonly brokerName: string; readonly members: number }> {
    for (const [brokerName, group] of this.#groups) {
      const first = group.values().next().value
      if (first) yield { clusterName: first.report.clusterName, brokerName, members: group.size }
    }
  }

  /** Drops those whose connection closed. */
  closed(connection: Connection): Gone<Connection>[] {
    return this.#drop(member => (member.connection === connection ? 'its connection closed' : undefined))
  }

  /** Drops those that have been silent for too long. */
  expire(nowMs: number): Gone<Connection>[] {
    return this.#drop(({ lastMs, timeoutMs }) =>
      nowMs - lastMs > timeoutMs ? `it was silent for ${Math.round(nowMs - lastMs)} ms` : undefined,
    )
  }

  #drop(why: (member: LiveMember<Connection>) => string | undefined): Gone<Connection>[] {
    const gone: Gone<Connection>[] = []
    for (const [brokerName, group] of this.#groups) {
      for (const [brokerId, member] of group) {
        const reason = why(member)
        if (reason === undefined) continue
        group.delete(brokerId)
        gone.push({ brokerName, brokerId, connection: member.connection, why: reason })
      }
      if (group.size === 0) this.#groups.delete(brokerName)
    }
    return gone
  }
}
