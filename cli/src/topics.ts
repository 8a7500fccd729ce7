import type { Admin } from '@rocketcluster/client'
import { columns } from './columns.ts'
import { command, oneWord, UsageError, wholeNumber } from './command.ts'
import { clusterOptions, findNameServers } from './name-servers.ts'
import { withClient } from './with-client.ts'

export const topics = command({
  name: 'topics',
  summary: 'list topics, look into one, make or delete one',
  options: {
    topic: { type: 'string', short: 't', value: 'TOPIC', help: 'show the queues of this topic' },
    all: { type: 'boolean', short: 'a', help: "show RocketMQ's own topics too" },
    create: { type: 'string', value: 'TOPIC', help: 'make this topic on every broker, or change its number of queues' },
    queues: { type: 'string', value: 'N', default: '8', help: 'queues on each broker, for --create' },
    delete: { type: 'string', value: 'TOPIC', help: 'delete this topic and its messages' },
    output: { type: 'string', short: 'o', value: 'text|json', default: 'text', help: 'json prints one line' },
    ...clusterOptions,
  },
  examples: [
    'rocketcluster topics',
    'rocketcluster topics --topic hello',
    'rocketcluster topics --create orders --queues 16',
  ],
  async run(values, terminal) {
    const output = oneWord('output', values.output, ['text', 'json'])
    const queues = wholeNumber('queues', values.queues, 1, 65_535)
    const chosen = (['topic', 'create', 'delete'] as const).filter(name => values[name] !== undefined)
    if (chosen.length > 1) throw new UsageError(`--${chosen.join(' and --')} do not go together`)
    const nameServers = await findNameServers(values)
    const show = (value: object, text: string) => terminal.out(output === 'json' ? `${JSON.stringify(value)}\n` : text)
    return withClient(nameServers, async ({ admin }) => {
      if (values.create !== undefined) {
        const brokers = await admin.createTopic(values.create, { readQueueNums: queues, writeQueueNums: queues })
        await admin.awaitTopic(values.create)
        show(
          { created: values.create, queues, brokers },
          `${values.create} has ${queues} queues on ${brokers.join(', ')}\n`,
        )
      } else if (values.delete !== undefined) {
        await admin.topicRoute(values.delete)
        await admin.deleteTopic(values.delete)
        show({ deleted: values.delete }, `${values.delete} is deleted\n`)
      } else if (values.topic !== undefined) {
        const rows = await queuesOf(admin, values.topic)
        show(
          rows,
          columns(
            ['Broker', 'Queue', 'First', 'Next', 'Messages', 'Last message'],
            rows.map(({ brokerName, queueId, minOffset, maxOffset, lastUpdate }) => [
              brokerName,
              queueId,
              minOffset,
              maxOffset,
              maxOffset - minOffset,
              lastUpdate ?? '',
            ]),
          ),
        )
      } else {
        const rows = await overview(admin, values.all)
        const hint =
          rows.length === 0 ? 'There are no topics yet: "rocketcluster produce" makes one by sending to it.\n' : ''
        show(
          rows,
          hint ||
            columns(
              ['Topic', 'Queues', 'Messages', 'Brokers'],
              rows.map(({ topic, queues, messages, brokers }) => [topic, queues, messages, brokers.join(', ')]),
            ),
        )
      }
      return 0
    })
  },
})

async function queuesOf(admin: Admin, topic: string) {
  return (await admin.topicStats(topic)).map(({ messageQueue, minOffset, maxOffset, lastUpdateTimestamp }) => ({
    brokerName: messageQueue.brokerName,
    queueId: messageQueue.queueId,
    minOffset,
    maxOffset,
    lastUpdate: lastUpdateTimestamp > 0 ? new Date(lastUpdateTimestamp).toISOString() : null,
  }))
}

async function overview(admin: Admin, all: boolean) {
  const [{ isSystemTopic, isRetryTopic, isDlqTopic }, names, cluster] = await Promise.all([
    import('@rocketcluster/protocol'),
    admin.topicList(),
    admin.clusterInfo(),
  ])
  // Every cluster and every broker has a topic of its name, and a cluster one for replies.
  const own = new Set([
    ...cluster.brokerAddrTable.keys(),
    ...[...cluster.clusterAddrTable.keys()].flatMap(name => [name, `${name}_REPLY_TOPIC`]),
  ])
  const isUsers = (topic: string) =>
    !isSystemTopic(topic) && !isRetryTopic(topic) && !isDlqTopic(topic) && !own.has(topic)
  const shown = names.filter(topic => all || isUsers(topic))
  return Promise.all(
    shown.map(async topic => {
      const stats = await admin.topicStats(topic)
      return {
        topic,
        queues: stats.length,
        messages: stats.reduce((sum, { minOffset, maxOffset }) => sum + maxOffset - minOffset, 0),
        brokers: [...new Set(stats.map(({ messageQueue }) => messageQueue.brokerName))],
      }
    }),
  )
}
