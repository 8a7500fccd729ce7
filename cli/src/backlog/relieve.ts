import { CommandError, command, oneWord, type Terminal, UsageError, wholeNumber } from '../command.ts'
import { clusterOptions, findNameServers } from '../name-servers.ts'
import { withClient } from '../with-client.ts'
import { duration } from './diagnose.ts'
import type { Relief, ReliefStatus } from './relief.ts'

export const relieve = command({
  name: 'backlog relieve',
  summary: 'move a backlog to a temporary topic with more queues; the same command again goes on where it ended',
  options: {
    topic: { type: 'string', short: 't', value: 'TOPIC', required: true, help: 'the topic that is behind' },
    group: { type: 'string', short: 'g', value: 'GROUP', required: true, help: 'the consumer group that is behind' },
    queues: {
      type: 'string',
      short: 'q',
      value: 'N',
      help: 'queues of the temporary topic, over all brokers; needed to begin',
    },
    'keep-order-by-key': {
      type: 'boolean',
      help: 'messages of one key stay in order; the group stays off until the temporary topic is consumed',
    },
    'key-property': {
      type: 'string',
      value: 'NAME',
      help: 'the property that holds the key (default __SHARDINGKEY); messages without it stay in the order of their queue',
    },
    pause: {
      type: 'boolean',
      help: 'begin although consumers are connected: the group is switched off on all its topics',
    },
    rate: { type: 'string', value: 'N', help: 'move at most so many messages a second' },
    'take-over': { type: 'boolean', help: 'go on although another mover seems to be at work' },
    status: { type: 'boolean', help: 'only say how far it is and what comes next' },
    'stop-here': { type: 'boolean', help: 'move nothing more: what is not moved stays for the original consumers' },
    finish: { type: 'boolean', help: 'let the group go on and remove the temporary topic, once that is consumed' },
    output: {
      type: 'string',
      short: 'o',
      value: 'text|json',
      default: 'text',
      help: 'json prints one line at the end',
    },
    ...clusterOptions,
  },
  examples: [
    'rocketcluster backlog relieve --topic orders --group payments --queues 64 --pause',
    'rocketcluster backlog relieve --topic orders --group payments --status',
    'rocketcluster backlog relieve --topic orders --group payments --finish',
  ],
  async run(values, terminal) {
    const output = oneWord('output', values.output, ['text', 'json'])
    const chosen = (['status', 'stop-here', 'finish'] as const).filter(name => values[name])
    if (chosen.length > 1) throw new UsageError(`--${chosen.join(' and --')} do not go together`)
    const queues = values.queues === undefined ? undefined : wholeNumber('queues', values.queues, 1, 65_535)
    const rate = values.rate === undefined ? undefined : wholeNumber('rate', values.rate, 1, 10_000_000)
    if (values['key-property'] !== undefined && !values['keep-order-by-key'])
      throw new UsageError('--key-property goes with --keep-order-by-key')
    const nameServers = await findNameServers(values)
    return withClient(nameServers, async ({ world, client, admin }) => {
      const { DEFAULT_KEY_PROPERTY, Relief } = await import('./relief.ts')
      const relief = new Relief(world, { client, admin }, values.topic, values.group)
      const say = (text: string) => {
        if (output === 'text') terminal.out(text)
      }
      const [only] = chosen
      if (only === 'finish') {
        await relief.finish()
        terminal.out(output === 'json' ? '{"phase":"finished"}\n' : finished(relief))
        return 0
      }
      if (only === 'stop-here') await relief.stopHere()
      let complete = true
      if (only === undefined) {
        const keyProperty = values['keep-order-by-key'] ? (values['key-property'] ?? DEFAULT_KEY_PROPERTY) : undefined
        const options = { keyProperty, pause: values.pause, rate, takeOver: values['take-over'] }
        complete = await begin(relief, queues, options, terminal, say)
      }
      const status = await relief.status()
      terminal.out(output === 'json' ? `${JSON.stringify(asJson(status))}\n` : asText(relief, status))
      return complete ? 0 : 1
    })
  },
})

interface BeginOptions {
  readonly keyProperty: string | undefined
  readonly pause: boolean
  readonly rate: number | undefined
  readonly takeOver: boolean
}

async function begin(
  relief: Relief,
  queues: number | undefined,
  { keyProperty, pause, rate, takeOver }: BeginOptions,
  terminal: Terminal,
  say: (text: string) => void,
): Promise<boolean> {
  const { phase } = await relief.status()
  if (queues === undefined && (phase === 'none' || phase === 'unfinished-start'))
    throw new UsageError('a relief begins with --queues N: several times the queues that the topic has')
  say(phase === 'none' ? `${relief.group} is switched off while its backlog moves …\n` : 'going on …\n')
  const plan = await relief.begin({ queues: queues ?? 0, keyProperty, pause })
  let before = { moved: 0, atMs: performance.now() }
  const complete = await relief.move(plan, {
    rate,
    takeOver,
    stop: terminal.stop,
    onProgress({ moved, left, problem }) {
      const now = { moved, atMs: performance.now() }
      const perSecond = ((now.moved - before.moved) / Math.max(1, now.atMs - before.atMs)) * 1000
      before = now
      const remaining = perSecond > 0 && left > 0 ? `, about ${duration((left / perSecond) * 1000)} to go` : ''
      const trouble = problem === undefined ? '' : `; waiting: ${problem}`
      say(
        `moved ${moved.toLocaleString('en')}, ${left.toLocaleString('en')} left, ${perSecond.toFixed(0)}/s${remaining}${trouble}\n`,
      )
    },
  })
  // Where an order is kept the group has to wait for what is in front of its new messages.
  if (complete && plan.keyProperty === undefined) await relief.release()
  return complete
}

const asJson = (status: ReliefStatus) => ({ ...status, keyProperty: status.keyProperty ?? null })

const finished = ({ group, topic, names }: Relief) =>
  `${group} goes on with ${topic} behind its former backlog; ${names.temporaryTopic} is removed. Stop the consumers of ${names.temporaryTopic}.\n`

/** How far it is, and what somebody who has just been woken has to do next. */
function asText({ topic, group }: Relief, status: ReliefStatus): string {
  const again = `rocketcluster backlog relieve --topic ${topic} --group ${group}`
  const { temporaryTopic, left, moved, undrained, consumers, groupEnabled, phase } = status
  const drain =
    consumers > 0
      ? `${consumers} consumers work on it.`
      : `Start consumers with topic ${temporaryTopic} and group ${temporaryTopic}: as many as it has queues, the same program.`
  const original = groupEnabled
    ? `The original consumers of ${group} can go back now: they get the new messages of ${topic}.`
    : `${group} is switched off. Its original consumers can go back after: ${again} --finish`
  switch (phase) {
    case 'none':
      return `There is no relief of ${topic} for ${group}.\n`
    case 'unfinished-start':
      return `A relief was begun and ended before its first message. ${group} may be switched off.\nNext: the same command again, or ${again} --stop-here\n`
    case 'moving':
      return `${left.toLocaleString('en')} messages are still to be moved; ${moved.toLocaleString('en')} are in ${temporaryTopic}.\n${group} is ${groupEnabled ? 'ON: nobody but the mover should consume now' : 'switched off'}.\nNext: ${again} (goes on), or ${again} --stop-here\n`
    case 'draining':
      return `All is moved. ${undrained.toLocaleString('en')} of ${moved.toLocaleString('en')} messages of ${temporaryTopic} are not consumed yet. ${drain}\n${original}\nNext: when they are consumed, ${again} --finish\n`
    case 'finishing':
      return `All is moved and consumed; what the relief made is being removed.\n${original}\nNext: ${again} --finish\n`
    case 'drained':
      return `All is moved and consumed.\n${original}\nNext: ${again} --finish\n`
    default:
      throw new CommandError(`${phase satisfies never} is no phase`)
  }
}
