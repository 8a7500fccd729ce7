/** What a relief makes in the cluster, named after the topic and the group so that whoever comes later finds it. */
export interface ReliefNames {
  /** Where the backlog goes; the group that consumes it there has the same name. */
  readonly temporaryTopic: string
  /** Its offsets in the topic say how far the backlog has been moved. */
  readonly moverGroup: string
  /** Its settings say up to where it is to be moved, and how. */
  readonly planGroup: string
}

/** ASCII, and never longer than the longest of both by more than 20 letters. */
export function reliefNames(topic: string, group: string): ReliefNames {
  const temporaryTopic = `${topic}-relief-${group}`
  return { temporaryTopic, moverGroup: `${temporaryTopic}-mover`, planGroup: `${temporaryTopic}-plan` }
}
