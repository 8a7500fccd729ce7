import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientInstance, PullConsumer, ReceivedMessage } from '@rocketcluster/client'
import { command, oneWord, type Terminal, wholeNumber } from './command.ts'
import { clusterOptions, findNameServers } from './name-servers.ts'
import { withClient } from './with-client.ts'

/** Without --group nothing is committed and nobody shares, so that any number of people can look at once. */
const LOOKING_GROUP = 'rocketcluster-consume'

export const consume = command({
  name: 'consume',
  summary: 'print the messages of a topic',
  options: {
    topic: { type: 'string', short: 't', value: 'TOPIC', required: true, help: 'where from' },
    group: {
      type: 'string',
      short: 'g',
      value: 'GROUP',
      help: 'take part in this consumer group: go on where it stands, and commit (default: look at all messages, commit nothing)',
    },
    from: {
      type: 'string',
      value: 'first|last',
      default: 'first',
      help: 'where to begin when there is no committed offset',
    },
    tag: {
      type: 'string',
      value: 'EXPRESSION',
      default: '*',
      help: 'only messages with one of these tags, joined by ||',
    },
    count: { type: 'string', short: 'c', value: 'N', help: 'end after so many messages (default: go on until Ctrl-C)' },
    wait: { type: 'string', short: 'w', value: 'SECONDS', help: 'end when nothing came for so long' },
    output: {
      type: 'string',
      short: 'o',
      value: 'text|json',
      default: 'text',
      help: 'json prints a line of JSON per message, with its properties',
    },
    verbose: { type: 'boolean', short: 'v', help: 'show where each message comes from' },
    ...clusterOptions,
  },
  examples: [
    'rocketcluster consume --topic hello',
    'rocketcluster consume --topic hello --count 10 --output json',
    'rocketcluster consume --topic hello --group my-group --wait 5',
  ],
  async run(values, terminal) {
    const output = oneWord('output', values.output, ['text', 'json'])
    const from = oneWord('from', values.from, ['first', 'last'])
    const count =
      values.count === undefined
        ? Number.POSITIVE_INFINITY
        : wholeNumber('count', values.count, 1, Number.MAX_SAFE_INTEGER)
    const waitMs = values.wait === undefined ? undefined : wholeNumber('wait', values.wait, 1, 86_400) * 1000
    const nameServers = await findNameServers(values)
    return withClient(nameServers, async ({ world, client }) => {
      const { PullConsumer } = await import('@rocketcluster/client')
      if (!(await topicAppears(client, values.topic, waitMs, terminal))) return 0
      const consumer = new PullConsumer(world, {
        client,
        consumerGroup: values.group ?? LOOKING_GROUP,
        subscriptions: { [values.topic]: values.tag },
        messageModel: values.group === undefined ? 'BROADCASTING' : 'CLUSTERING',
        consumeFromWhere: from === 'first' ? 'CONSUME_FROM_FIRST_OFFSET' : 'CONSUME_FROM_LAST_OFFSET',
        autoCommit: values.group !== undefined,
      })
      const stop = () => void consumer.stop()
      terminal.stop.addEventListener('abort', stop)
      try {
        await consumer.start()
        const print = output === 'json' ? asJson : values.verbose ? withPlace : asText
        await printAll(consumer, { count, waitMs, print, terminal })
        return 0
      } finally {
        terminal.stop.removeEventListener('abort', stop)
        await consumer.stop()
      }
    })
  },
})

interface Printing {
  readonly count: number
  readonly waitMs: number | undefined
  readonly print: (message: ReceivedMessage) => string
  readonly terminal: Terminal
}

async function printAll(consumer: PullConsumer, { count, waitMs, print, terminal }: Printing): Promise<void> {
  for (let n = 0; n < count && !terminal.stop.aborted; n++) {
    const message = await consumer.take(waitMs === undefined ? {} : { timeoutMs: waitMs })
    if (!message) return
    terminal.out(print(message))
  }
  // The last one counts as done, and is committed, only when the next is asked for.
  await consumer.take({ timeoutMs: 0 })
}

/** Waits for a topic that does not exist yet: whoever produces first makes it. False when the wait was over or stopped. */
async function topicAppears(
  client: ClientInstance,
  topic: string,
  waitMs: number | undefined,
  { err, stop }: Terminal,
): Promise<boolean> {
  const dueMs = performance.now() + (waitMs ?? Number.POSITIVE_INFINITY)
  for (let told = false; !stop.aborted; told = true) {
    try {
      await client.routes.route(topic, { fresh: true })
      return true
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'NO_ROUTE') throw error
      if (performance.now() >= dueMs) return false
      if (!told) err(`there is no topic ${topic} yet; waiting for it\n`)
      await sleep(500, undefined, { signal: stop }).catch(() => {})
    }
  }
  return false
}

function asText({ body }: ReceivedMessage): string {
  return `${body.toString()}\n`
}

function withPlace(message: ReceivedMessage): string {
  const { messageQueue, queueOffset, tags, keys, storeTimestamp } = message
  const place = `${messageQueue.brokerName} queue ${messageQueue.queueId} offset ${queueOffset}`
  const marks = [...(tags ? [`tag ${tags}`] : []), ...(keys.length > 0 ? [`keys ${keys.join(' ')}`] : [])]
  return `[${[new Date(storeTimestamp).toISOString(), place, ...marks].join(', ')}] ${asText(message)}`
}

function asJson(message: ReceivedMessage): string {
  const {
    topic,
    messageQueue,
    queueOffset,
    msgId,
    offsetMsgId,
    tags,
    keys,
    bornTimestamp,
    storeTimestamp,
    reconsumeTimes,
    properties,
    body,
  } = message
  const text = body.toString()
  return `${JSON.stringify({
    topic,
    brokerName: messageQueue.brokerName,
    queueId: messageQueue.queueId,
    queueOffset,
    msgId,
    offsetMsgId,
    tags,
    keys,
    bornTimestamp,
    storeTimestamp,
    reconsumeTimes,
    properties: Object.fromEntries(properties),
    // What is no text would not survive as one.
    ...(Buffer.from(text).equals(body) ? { body: text } : { bodyBase64: body.toString('base64') }),
  })}\n`
}
