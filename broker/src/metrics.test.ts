import { expect, test } from '@jest/globals'
import { brokerRequests as ask } from '@rocketcluster/protocol'
import { metricsRegistry } from './metrics.ts'
import { type Fixture, withBroker } from './testing/broker-fixture.ts'

/** Samples of one metric as `labels -> value`, without the labels that all have. */
async function samples(fixture: Fixture, name: string): Promise<Record<string, number>> {
  const text = await metricsRegistry(fixture.broker.services).metrics()
  const lines = text.split('\n').filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return Object.fromEntries(
    lines.map(line => {
      const [, labels = '', value] = /^[a-z_]+(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      const own = labels
        .split(',')
        .filter(label => !/^(cluster|node_type|node_id|otel_scope_name|place)=/.test(label))
        .sort()
      return [own.join(','), Number(value)]
    }),
  )
}

test(
  'names, labels and values are those of an Apache broker',
  withBroker(
    async fixture => {
      for (let i = 0; i < 3; i++) await fixture.send('T', { body: 'x'.repeat(2000) })
      await fixture.ask(ask.pullMessage, {
        consumerGroup: 'CG',
        topic: 'T',
        queueId: 0,
        queueOffset: 0,
        maxMsgNums: 2,
        sysFlag: 4,
        commitOffset: 0,
        suspendTimeoutMillis: 0,
        subscription: '*',
        subVersion: 0,
      })
      await fixture.broker.services.groups.find('CG')
      await fixture.ask(ask.updateConsumerOffset, { consumerGroup: 'CG', topic: 'T', queueId: 0, commitOffset: 2 })
      await fixture.sim.sleep(5000)
      const topic = 'is_system="false",message_type="normal",topic="T"'
      expect(await samples(fixture, 'rocketmq_messages_in_total')).toEqual({ [topic]: 3 })
      const { store, topics, groups } = fixture.broker.services
      expect(await samples(fixture, 'rocketmq_throughput_in_total')).toEqual({ [topic]: store.maxPhysicalOffset })
      const sizes = await samples(fixture, 'rocketmq_message_size_bucket')
      expect(sizes[`is_system="false",le="1024.0",message_type="normal",topic="T"`]).toBe(0)
      expect(sizes[`is_system="false",le="4096.0",message_type="normal",topic="T"`]).toBe(3)
      expect(sizes[`is_system="false",le="+Inf",message_type="normal",topic="T"`]).toBe(3)
      const read = 'consumer_group="CG",is_system="false",topic="T"'
      expect(await samples(fixture, 'rocketmq_messages_out_total')).toEqual({ [read]: 2 })
      const lag = 'consumer_group="CG",is_retry="false",is_system="false",topic="T"'
      expect(await samples(fixture, 'rocketmq_consumer_lag_messages')).toEqual({ [lag]: 1 })
      const latency = await samples(fixture, 'rocketmq_consumer_lag_latency_milliseconds')
      expect(latency[lag]).toBeGreaterThanOrEqual(5000)
      expect(latency[lag]).toBeLessThan(5200)
      expect(await samples(fixture, 'rocketmq_topic_number')).toEqual({ '': topics.count })
      expect(await samples(fixture, 'rocketmq_consumer_group_number')).toEqual({ '': groups.count })
      expect(await samples(fixture, 'rocketmq_broker_permission')).toEqual({ '': 6 })
      const rpc = await samples(fixture, 'rocketmq_rpc_latency_milliseconds_count')
      const sends =
        'is_long_polling="false",protocol_type="remoting",request_code="send_message_v2",response_code="success",result="success"'
      expect(rpc[sends]).toBe(3)
      expect(await metricsRegistry(fixture.broker.services).metrics()).toContain('place="mars"')
    },
    { metricsLabel: 'place:mars' },
  ),
)

test(
  'a disk that cannot be read, and a topic that is gone, break nothing',
  withBroker(async fixture => {
    await fixture.send('T')
    await fixture.send('U')
    await fixture.broker.services.groups.find('CG')
    for (const topic of ['T', 'U'])
      await fixture.ask(ask.updateConsumerOffset, { consumerGroup: 'CG', topic, queueId: 0, commitOffset: 0 })
    await fixture.ask(ask.deleteTopicInBroker, { topic: 'U' })
    fixture.host.disk.fail({ on: 'read' })
    expect(Object.keys(await samples(fixture, 'rocketmq_consumer_lag_messages'))).toHaveLength(1)
    expect(Object.keys(await samples(fixture, 'rocketmq_messages_in_total'))).toHaveLength(1)
    expect((await fixture.ask(ask.getBrokerRuntimeInfo, {})).body!.table.get('brokerActive')).toBe('true')
  }),
)

test(
  'in flight is what was pulled and is not committed; a reset, or another consumer that begins again, takes it back',
  withBroker(async fixture => {
    for (let i = 0; i < 5; i++) await fixture.send('T', { body: `${i}` })
    await fixture.broker.services.groups.find('CG')
    const queue = { consumerGroup: 'CG', topic: 'T', queueId: 0 }
    const pull = (queueOffset: number, maxMsgNums: number) =>
      fixture.ask(ask.pullMessage, {
        ...queue,
        queueOffset,
        maxMsgNums,
        sysFlag: 4,
        commitOffset: 0,
        suspendTimeoutMillis: 0,
        subscription: '*',
        subVersion: 0,
      })
    const commit = (commitOffset: number) => fixture.ask(ask.updateConsumerOffset, { ...queue, commitOffset })
    const group = 'consumer_group="CG",is_retry="false",is_system="false",topic="T"'
    const now = async () => ({
      inFlight: (await samples(fixture, 'rocketmq_consumer_inflight_messages'))[group],
      ready: (await samples(fixture, 'rocketmq_consumer_ready_messages'))[group],
      lag: (await samples(fixture, 'rocketmq_consumer_lag_messages'))[group],
    })
    await commit(0)
    await pull(0, 4)
    expect(await now()).toEqual({ inFlight: 4, ready: 1, lag: 5 })
    const { body: stats } = await fixture.ask(ask.getConsumeStats, { consumerGroup: 'CG', topic: 'T' })
    expect([...stats!.offsetTable.values()].find(({ brokerOffset }) => brokerOffset === 5)).toMatchObject({
      consumerOffset: 0,
      pullOffset: 4,
    })
    expect((await fixture.ask(ask.getBrokerConsumeStats, { isOrder: false })).body).toMatchObject({
      totalDiff: 5,
      totalInflightDiff: 4,
    })
    await commit(3)
    expect(await now()).toEqual({ inFlight: 1, ready: 1, lag: 2 })
    await pull(3, 1)
    await commit(1)
    await pull(1, 1)
    expect(await now()).toEqual({ inFlight: 1, ready: 3, lag: 4 })
    await fixture.broker.services.offsets.reset('CG', 'T', new Map([[0, 0]]))
    expect(await now()).toEqual({ inFlight: 0, ready: 5, lag: 5 })
  }),
)
