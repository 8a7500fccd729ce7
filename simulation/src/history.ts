/** A place in a queue. A message that was acknowledged has one, and it is its own for ever. */
export interface Place {
  readonly brokerName: string
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
}

export interface Acked extends Place {
  readonly id: string
  /** Who sent it; each producer waits for one answer before it sends again. */
  readonly producer: string
  readonly atMs: number
}

export interface Delivered extends Place {
  readonly id: string
  readonly consumer: string
  readonly atMs: number
}

/** What a broker's store held in the end. */
export interface Stored extends Place {
  readonly id: string
  readonly physicalOffset: number
}

/** A topic whose creation an administrator was told of. */
export interface CreatedTopic {
  readonly brokerName: string
  readonly topic: string
}

export interface Event {
  readonly atMs: number
  /** `fault` and `cluster` are the simulation's own acts, `log` is what a server said. */
  readonly kind: 'fault' | 'cluster' | 'log'
  readonly text: string
}

/** All that happened in one run and that the checkers look at. Plain values: a test writes one by hand. */
export class History {
  readonly sent = new Set<string>()
  readonly acked: Acked[] = []
  readonly delivered: Delivered[] = []
  readonly created: CreatedTopic[] = []
  readonly events: Event[] = []
  /** How often each fault struck and each rare state was seen. */
  readonly counts = new Map<string, number>()

  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times)
  }
}

export const placeKey = ({ brokerName, topic, queueId, queueOffset }: Place) =>
  `${brokerName} ${topic} ${queueId} ${queueOffset}`

export const queueOf = ({ brokerName, topic, queueId }: Omit<Place, 'queueOffset'>) =>
  `${brokerName} ${topic} ${queueId}`
