import { columns } from '../columns.ts'
import { command, oneWord, wholeNumber } from '../command.ts'
import { clusterOptions, findNameServers } from '../name-servers.ts'
import { withClient } from '../with-client.ts'
import { type Diagnosis, diagnose, duration, lagOf, type Observed } from './diagnose.ts'
import { observe } from './observe.ts'

interface Row {
  readonly observed: Observed
  readonly diagnosis: Diagnosis
}

export const backlog = command({
  name: 'backlog',
  summary: 'show how far consumer groups are behind, why, and what to do',
  options: {
    group: { type: 'string', short: 'g', value: 'GROUP', help: 'only this consumer group' },
    topic: { type: 'string', short: 't', value: 'TOPIC', help: 'only this topic' },
    seconds: {
      type: 'string',
      short: 's',
      value: 'N',
      default: '6',
      help: 'look twice, so long apart: rates come from that',
    },
    queues: {
      type: 'boolean',
      short: 'q',
      help: 'show every queue, not only those of a group and topic that are both given',
    },
    all: { type: 'boolean', short: 'a', help: 'show groups without a backlog too' },
    output: { type: 'string', short: 'o', value: 'text|json', default: 'text', help: 'json prints one line' },
    ...clusterOptions,
  },
  examples: [
    'rocketcluster backlog',
    'rocketcluster backlog --group payments --topic orders',
    'rocketcluster backlog relieve --topic orders --group payments --queues 64',
  ],
  async run(values, terminal) {
    const output = oneWord('output', values.output, ['text', 'json'])
    const seconds = wholeNumber('seconds', values.seconds, 1, 3600)
    const { topic, group } = values
    const nameServers = await findNameServers(values)
    const observed = await withClient(nameServers, ({ admin, world }) =>
      observe(admin, world, { topic, group, seconds }),
    )
    const rows = observed
      .map((found): Row => ({ observed: found, diagnosis: diagnose(found) }))
      .sort((a, b) => b.diagnosis.lag - a.diagnosis.lag)
    const exact = topic !== undefined && group !== undefined
    const shown = values.all || exact ? rows : rows.filter(({ diagnosis }) => diagnosis.lag > 0)
    terminal.out(
      output === 'json' ? `${JSON.stringify(shown.map(asJson))}\n` : asText(shown, rows, values.queues || exact),
    )
    return 0
  },
})

function asJson({ observed, diagnosis }: Row) {
  const { topic, group, members, queues, pausedOn } = observed
  return {
    topic,
    group,
    ...diagnosis,
    waitingMs: diagnosis.waitingMs ?? null,
    secondsLeft: diagnosis.secondsLeft === undefined ? null : Math.round(diagnosis.secondsLeft),
    consumers: members.length,
    pausedOn,
    queues: queues.map(queue => ({
      brokerName: queue.brokerName,
      queueId: queue.queueId,
      consumerOffset: queue.consumerOffset,
      maxOffset: queue.maxOffset,
      lag: lagOf(queue),
      waitingMs: queue.waitingMs ?? null,
      consumed: queue.consumed,
      arrived: queue.arrived,
      owner: queue.owner?.clientId ?? null,
      locked: queue.owner?.locked ?? null,
    })),
  }
}

const rate = (perSecond: number) => `${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s`
const age = (ms: number | undefined) => (ms === undefined ? '' : duration(ms))

function asText(shown: readonly Row[], all: readonly Row[], withQueues: boolean): string {
  if (all.length === 0) return 'No group has consumed anything here.\n'
  if (shown.length === 0) return `No backlog: ${all.length} times a group and a topic, and none is behind.\n`
  const overview = columns(
    ['Group', 'Topic', 'Behind', 'Oldest', 'Consumed', 'Arriving', 'Consumers', 'Queues'],
    shown.map(({ observed, diagnosis }) => [
      observed.group,
      observed.topic,
      diagnosis.lag,
      age(diagnosis.waitingMs),
      rate(diagnosis.consumedPerSecond),
      rate(diagnosis.arrivedPerSecond),
      observed.members.length,
      observed.queues.length,
    ]),
  )
  return overview + shown.map(row => details(row, withQueues)).join('')
}

function details({ observed, diagnosis }: Row, withQueues: boolean): string {
  const { group, topic, queues } = observed
  const table = withQueues
    ? columns(
        ['Broker', 'Queue', 'At', 'End', 'Behind', 'Oldest', 'Consumed', 'Consumer'],
        queues.map(queue => [
          queue.brokerName,
          queue.queueId,
          queue.consumerOffset,
          queue.maxOffset,
          lagOf(queue),
          age(queue.waitingMs),
          rate(queue.consumed / observed.seconds),
          queue.owner ? `${queue.owner.clientId}${queue.owner.locked ? ' (locked)' : ''}` : '',
        ]),
      )
    : ''
  const causes = diagnosis.causes.map(({ why, advice }) => `  Why: ${why}.\n  Do:  ${advice}.\n`).join('')
  if (table === '' && causes === '') return ''
  return `\n${group} on ${topic}\n${table}${causes}`
}
