/** Where a backlog comes from: plain values in, sentences out. */

/** One queue of a topic as a group stands in it, seen twice. */
export interface QueueObserved {
  readonly brokerName: string
  readonly queueId: number
  /** The first offset that is still stored; undefined when it is not known. */
  readonly minOffset: number | undefined
  readonly maxOffset: number
  readonly consumerOffset: number
  /** Messages that the group took, and that arrived, in the time between the two looks. */
  readonly consumed: number
  readonly arrived: number
  /** Since when the next message lies there; ms, undefined when there is none or it is not known. */
  readonly waitingMs: number | undefined
  /** The client that has the queue, and how many messages it holds of it; undefined when nobody told. */
  readonly owner: { readonly clientId: string; readonly held: number; readonly locked: boolean } | undefined
}

/** One group on one topic. */
export interface Observed {
  readonly topic: string
  readonly group: string
  /** Time between the two looks. */
  readonly seconds: number
  readonly queues: readonly QueueObserved[]
  /** Client ids of the members that are connected. */
  readonly members: readonly string[]
  /** Whether the members subscribe to this topic; undefined when there are none. */
  readonly subscribed: boolean | undefined
  /** Brokers on which the group is switched off (consumeEnable=false). */
  readonly pausedOn: readonly string[]
  /** Brokers on which the topic cannot be read. */
  readonly unreadableOn: readonly string[]
  /** What a message takes its consumers, in ms; undefined when nobody told. */
  readonly consumeMs: number | undefined
  /** Messages per second that consumers failed on; undefined when nobody told. */
  readonly failedPerSecond: number | undefined
  /** The temporary topic of a relief that is under way. */
  readonly reliefTopic: string | undefined
}

export type CauseName =
  | 'relief'
  | 'paused'
  | 'unreadable'
  | 'expired'
  | 'no-consumers'
  | 'not-subscribed'
  | 'standstill'
  | 'stuck-queue'
  | 'failing'
  | 'too-few-consumers'
  | 'too-few-queues'
  | 'slow'
  | 'uneven'
  | 'catching-up'

/** One reason and what to do about it, in sentences. */
export interface Cause {
  readonly name: CauseName
  readonly why: string
  readonly advice: string
}

export interface Diagnosis {
  readonly lag: number
  /** The longest that a next message has been waiting; ms. */
  readonly waitingMs: number | undefined
  readonly consumedPerSecond: number
  readonly arrivedPerSecond: number
  /** Seconds until there is no backlog at the present rates; undefined when it does not become less. */
  readonly secondsLeft: number | undefined
  readonly causes: readonly Cause[]
}

/** A queue that has more than this part of the whole backlog makes it uneven. */
const UNEVEN_PART = 0.7
const MANY_FAILURES = 0.1

export const lagOf = ({ maxOffset, consumerOffset }: { maxOffset: number; consumerOffset: number }) =>
  Math.max(0, maxOffset - Math.max(0, consumerOffset))

const nameOf = ({ brokerName, queueId }: { brokerName: string; queueId: number }) => `${brokerName}:${queueId}`

/** The causes, the one to mend first in front. No backlog has no causes. */
export function diagnose(observed: Observed): Diagnosis {
  const { queues, seconds } = observed
  const sum = (value: (queue: QueueObserved) => number) => queues.reduce((total, queue) => total + value(queue), 0)
  const lag = sum(lagOf)
  const consumedPerSecond = sum(({ consumed }) => consumed) / seconds
  const arrivedPerSecond = sum(({ arrived }) => arrived) / seconds
  const waits = queues.flatMap(({ waitingMs }) => waitingMs ?? [])
  const gain = consumedPerSecond - arrivedPerSecond
  const rates: Rates = { lag, consumedPerSecond, arrivedPerSecond, secondsLeft: gain > 0 ? lag / gain : undefined }
  return {
    ...rates,
    waitingMs: waits.length > 0 ? Math.max(...waits) : undefined,
    causes: lag === 0 ? [] : RULES.flatMap(rule => rule(observed, rates) ?? []),
  }
}

interface Rates {
  readonly lag: number
  readonly consumedPerSecond: number
  readonly arrivedPerSecond: number
  readonly secondsLeft: number | undefined
}

type Rule = (observed: Observed, rates: Rates) => Cause | undefined

const isOpen = ({ pausedOn, unreadableOn, members, subscribed }: Observed) =>
  pausedOn.length === 0 && unreadableOn.length === 0 && members.length > 0 && subscribed !== false

const behind = ({ queues }: Observed) => queues.filter(queue => lagOf(queue) > 0)
/** Moved on while there was something to take. */
const moves = (queue: QueueObserved) => queue.consumed > 0

const RULES: readonly Rule[] = [
  function relief({ reliefTopic, topic, group }) {
    if (reliefTopic === undefined) return undefined
    return {
      name: 'relief',
      why: `a relief is under way: its backlog moves to ${reliefTopic}`,
      advice: `see "rocketcluster backlog relieve --topic ${topic} --group ${group} --status"`,
    }
  },
  function paused({ pausedOn, group, reliefTopic }) {
    if (pausedOn.length === 0) return undefined
    return {
      name: 'paused',
      why: `group ${group} is switched off (consumeEnable=false) on ${pausedOn.join(', ')}`,
      advice:
        reliefTopic === undefined
          ? `switch it on when that is no longer meant: mqadmin updateSubGroup -g ${group} -s true`
          : 'the relief switches it on again at its end',
    }
  },
  function unreadable({ unreadableOn, topic }) {
    if (unreadableOn.length === 0) return undefined
    return {
      name: 'unreadable',
      why: `topic ${topic} has no read permission on ${unreadableOn.join(', ')}`,
      advice: `give it back when that is no longer meant: mqadmin updateTopicPerm -t ${topic} -p 6`,
    }
  },
  function expired({ queues }) {
    const lost = queues.filter(
      ({ minOffset, consumerOffset }) => minOffset !== undefined && Math.max(0, consumerOffset) < minOffset,
    )
    if (lost.length === 0) return undefined
    const count = lost.reduce((sum, queue) => sum + queue.minOffset! - Math.max(0, queue.consumerOffset), 0)
    return {
      name: 'expired',
      why: `${count} messages of ${lost.map(nameOf).join(', ')} were removed before they were consumed: they were older than fileReservedTime, or the disk was full`,
      advice: 'raise fileReservedTime or give the brokers more disk before the backlog is worked off',
    }
  },
  function noConsumers({ members, group }) {
    if (members.length > 0) return undefined
    return {
      name: 'no-consumers',
      why: `no consumer of ${group} is connected`,
      advice:
        'start the consumers; if they run, look in their logs for the address of the name servers and the group name',
    }
  },
  function notSubscribed({ subscribed, members, topic }) {
    if (subscribed !== false) return undefined
    return {
      name: 'not-subscribed',
      why: `${members.length} consumers are connected, and they do not subscribe to ${topic}`,
      advice: 'all members of a group have to subscribe to the same topics; another program may be using its name',
    }
  },
  function standstill(observed, { consumedPerSecond }) {
    if (!isOpen(observed) || consumedPerSecond > 0) return undefined
    const holders = behind(observed).flatMap(({ owner }) => owner ?? [])
    const held = holders.reduce((sum, owner) => sum + owner.held, 0)
    return {
      name: 'standstill',
      why: `${observed.members.length} consumers are connected and nothing moved in ${observed.seconds} s${
        held > 0 ? `; they hold ${held} messages that they have not finished` : ''
      }`,
      advice:
        'consumers commit every 5 s, so look again with --seconds 15; if it stays so, take a thread dump (mqadmin consumerStatus -s): the listener waits for something',
    }
  },
  function stuckQueue(observed, { consumedPerSecond }) {
    const stuck = behind(observed).filter(queue => !moves(queue))
    if (!isOpen(observed) || consumedPerSecond === 0 || stuck.length === 0) return undefined
    const described = stuck.slice(0, 5).map(queue => {
      const { owner } = queue
      const at = owner
        ? `, held by ${owner.clientId}${owner.locked ? ' with its order lock' : ''} (${owner.held} messages in work)`
        : ''
      return `${nameOf(queue)} at offset ${queue.consumerOffset}${at}`
    })
    const more = stuck.length > 5 ? ` and ${stuck.length - 5} more` : ''
    return {
      name: 'stuck-queue',
      why: `${stuck.length} of ${observed.queues.length} queues did not move while others did: ${described.join('; ')}${more}`,
      advice: `look at the message there: rocketcluster topics --topic ${observed.topic}, mqadmin viewMessage; one message that blocks its listener holds back its whole queue, and for ordered consumers one that fails does`,
    }
  },
  function failing({ failedPerSecond }, { consumedPerSecond }) {
    if (failedPerSecond === undefined || failedPerSecond <= consumedPerSecond * MANY_FAILURES || failedPerSecond < 0.1)
      return undefined
    return {
      name: 'failing',
      why: `consumers fail on ${failedPerSecond.toFixed(1)} messages a second, and each comes again later`,
      advice: 'look in the logs of the consumers: what fails is tried up to 16 times before it becomes a dead letter',
    }
  },
  function tooFewConsumers(observed, rates) {
    const { members, queues } = observed
    if (!isOpen(observed) || members.length >= queues.length || catchesUp(rates)) return undefined
    return {
      name: 'too-few-consumers',
      why: `${members.length} consumers share ${queues.length} queues`,
      advice: `start more, up to ${queues.length}: each queue goes to one consumer`,
    }
  },
  function tooFewQueues(observed, rates) {
    const { members, queues, topic, group } = observed
    if (!isOpen(observed) || members.length < queues.length || catchesUp(rates)) return undefined
    const idle = members.length - queues.length
    return {
      name: 'too-few-queues',
      why: `${members.length} consumers and ${queues.length} queues: ${idle > 0 ? `${idle} have nothing to do, and ` : ''}more consumers would not help`,
      advice: `spread the backlog over more queues: rocketcluster backlog relieve --topic ${topic} --group ${group} --queues ${queues.length * 4}`,
    }
  },
  function slow(observed, rates) {
    if (!isOpen(observed) || rates.consumedPerSecond === 0 || catchesUp(rates)) return undefined
    const { consumedPerSecond, arrivedPerSecond } = rates
    const each = observed.consumeMs === undefined ? '' : `; a message takes ${observed.consumeMs.toFixed(0)} ms`
    return {
      name: 'slow',
      why: `${consumedPerSecond.toFixed(1)} messages a second are consumed and ${arrivedPerSecond.toFixed(1)} arrive${each}`,
      advice: 'make the listener faster, raise consumeThreadMax or consumeMessageBatchMaxSize, or add consumers',
    }
  },
  function uneven(observed, { lag }) {
    const [first] = behind(observed).toSorted((a, b) => lagOf(b) - lagOf(a))
    if (!isOpen(observed) || observed.queues.length < 2 || !first || lagOf(first) < lag * UNEVEN_PART) return undefined
    return {
      name: 'uneven',
      why: `${nameOf(first)} has ${Math.round((lagOf(first) / lag) * 100)} % of the backlog`,
      advice: 'either its consumer is slower than the others, or one key gets most of the messages',
    }
  },
  function catchingUp(observed, rates) {
    if (!isOpen(observed) || !catchesUp(rates)) return undefined
    return {
      name: 'catching-up',
      why: `${rates.consumedPerSecond.toFixed(1)} messages a second are consumed and ${rates.arrivedPerSecond.toFixed(1)} arrive`,
      advice: `nothing: at these rates it is gone in ${duration(rates.secondsLeft! * 1000)}`,
    }
  },
]

/** Within an hour at the present rates: then there is nothing to mend. */
const catchesUp = ({ secondsLeft }: Rates) => secondsLeft !== undefined && secondsLeft < 3600

/** `1 h 5 min`, `12 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}
