/**
 * The share of one member of a group (AllocateMessageQueueAveragely.java): neighbouring queues, and the first members get one
 * more when it does not come out even. Nothing for somebody who is not on the list.
 */
export function allocateAveragely<Q>(queues: readonly Q[], members: readonly string[], self: string): Q[] {
  const index = members.indexOf(self)
  if (index < 0) return []
  const rest = queues.length % members.length
  const share = Math.floor(queues.length / members.length)
  const start = index * share + Math.min(index, rest)
  return queues.slice(start, start + share + (index < rest ? 1 : 0))
}
