import { createInterface } from 'node:readline'
import type { Message, SendResult } from '@rocketcluster/client'
import { CommandError, command, oneWord, type Terminal, UsageError, wholeNumber } from './command.ts'
import { clusterOptions, findNameServers } from './name-servers.ts'
import { withClient } from './with-client.ts'

export const produce = command({
  name: 'produce',
  summary: 'send messages to a topic',
  options: {
    topic: { type: 'string', short: 't', value: 'TOPIC', required: true, help: 'where to' },
    message: {
      type: 'string',
      short: 'm',
      value: 'TEXT',
      multiple: true,
      help: 'a body, may be repeated (default: each line of standard input)',
    },
    count: { type: 'string', short: 'c', value: 'N', default: '1', help: 'send each message so often' },
    tag: { type: 'string', value: 'TAG', help: 'tag by which consumers choose' },
    key: {
      type: 'string',
      value: 'KEY',
      multiple: true,
      help: 'key by which the messages can be found again, may be repeated',
    },
    property: { type: 'string', value: 'NAME=VALUE', multiple: true, help: 'any other property, may be repeated' },
    output: {
      type: 'string',
      short: 'o',
      value: 'text|json',
      default: 'text',
      help: 'json prints a line of JSON per message',
    },
    ...clusterOptions,
  },
  examples: [
    'rocketcluster produce --topic hello --message "first message"',
    'seq 100 | rocketcluster produce --topic numbers --tag even --name-server 127.0.0.1:9876',
  ],
  async run(values, terminal) {
    const output = oneWord('output', values.output, ['text', 'json'])
    const count = wholeNumber('count', values.count, 1, 1_000_000_000)
    const template = {
      topic: values.topic,
      ...(values.tag === undefined ? {} : { tags: values.tag }),
      ...(values.key.length === 0 ? {} : { keys: values.key }),
      properties: properties(values.property),
    }
    const nameServers = await findNameServers(values)
    return withClient(nameServers, async ({ world, client }) => {
      const { Producer } = await import('@rocketcluster/client')
      const producer = new Producer(world, { client, producerGroup: 'rocketcluster-produce' })
      await producer.start()
      let sent = 0
      let doubtful = 0
      try {
        for await (const body of bodies(values.message, terminal)) {
          for (let n = 0; n < count && !terminal.stop.aborted; n++) {
            const message: Message = { ...template, body }
            const result = await producer.send(message)
            sent++
            if (result.sendStatus !== 'SEND_OK') doubtful++
            terminal.out(output === 'json' ? `${JSON.stringify(flat(result))}\n` : line(result))
          }
          if (terminal.stop.aborted) break
        }
      } finally {
        await producer.stop()
      }
      if (sent === 0 && !terminal.stop.aborted)
        throw new CommandError('there was nothing to send: standard input was empty')
      if (doubtful > 0)
        throw new CommandError(
          `${doubtful} of ${sent} messages are stored, but not as safely as the cluster was asked to`,
        )
      return 0
    })
  },
})

function line({ sendStatus, msgId, messageQueue, queueOffset }: SendResult): string {
  return `${sendStatus} ${msgId} ${messageQueue.brokerName} queue ${messageQueue.queueId} offset ${queueOffset}\n`
}

function flat({ sendStatus, msgId, offsetMsgId, messageQueue, queueOffset }: SendResult) {
  return { sendStatus, msgId, offsetMsgId, ...messageQueue, queueOffset }
}

/** `NAME=VALUE` pairs. Throws UsageError. */
function properties(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map(pair => {
      const at = pair.indexOf('=')
      if (at < 1) throw new UsageError(`--property is "${pair}"; allowed is NAME=VALUE`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

/** The messages of the command line, else the lines of standard input as they come. */
async function* bodies(given: readonly string[], { err, stop }: Terminal): AsyncGenerator<string> {
  if (given.length > 0) {
    yield* given
    return
  }
  if (process.stdin.isTTY) err('One message per line; Ctrl-D ends.\n')
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
  const close = () => lines.close()
  stop.addEventListener('abort', close)
  try {
    for await (const text of lines) yield text
  } finally {
    stop.removeEventListener('abort', close)
    lines.close()
    // A terminal that is still open would keep the process from ending.
    process.stdin.destroy()
  }
}
