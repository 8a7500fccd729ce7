// Apache's 5.x client for Node at work: the same scenarios and the same lines as GrpcClient.java.
'use strict'
const { ConsumeResult, FilterExpression, Producer, PushConsumer, SimpleConsumer } = require('rocketmq-client-nodejs')
const { FilterType, TransactionResolution } = require('rocketmq-client-nodejs/proto/apache/rocketmq/v2/definition_pb')

const options = {}
for (let i = 2; i + 1 < process.argv.length; i += 2) options[process.argv[i].slice(2)] = process.argv[i + 1]
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const silent = { info() {}, warn() {}, error() {}, debug() {} }
const LONG = 30_000
const ALL = FilterExpression.SUB_ALL
const sentence = error => `${error?.name}: ${error?.message ?? error}`.replace(/\s+/g, '_')
const bodyOf = view => view.body.toString('utf8')

class Scene {
  constructor(name) {
    this.name = name
    this.topic = `${options.run}-${name}`
    this.common = { endpoints: options.endpoints, namespace: '', logger: silent, requestTimeout: 20_000 }
  }

  say(word, pairs = {}) {
    const all = Object.entries({ ...pairs, at: Date.now() }).map(([name, value]) => `${name}=${value}`)
    process.stdout.write(`${this.name} ${word} ${all.join(' ')}\n`)
  }

  async producer(checker) {
    const producer = new Producer({ ...this.common, topic: this.topic, checker })
    await producer.startup()
    return producer
  }

  async send(producer, body, more = {}, transaction = undefined) {
    const receipt = await producer.send({ topic: this.topic, body: Buffer.from(body), ...more }, transaction)
    const due = more.deliveryTimestamp && { due: more.deliveryTimestamp.getTime() }
    this.say('sent', { body, id: receipt.messageId, ...due })
    return receipt
  }

  async simple(group, filter) {
    const consumer = new SimpleConsumer({
      ...this.common,
      consumerGroup: `${this.topic}-${group}`,
      subscriptions: new Map([[this.topic, filter]]),
      awaitDuration: 3000,
    })
    await consumer.startup()
    return consumer
  }

  async push(group, consume) {
    const consumer = new PushConsumer({
      ...this.common,
      consumerGroup: `${this.topic}-${group}`,
      subscriptions: new Map([[this.topic, ALL]]),
      messageListener: { consume },
    })
    await consumer.startup()
    return consumer
  }

  received(word, view) {
    this.say(word, {
      body: bodyOf(view),
      id: view.messageId,
      attempt: view.deliveryAttempt,
      tag: view.tag ?? '',
      key: view.keys.join(),
      n: view.properties.get('n') ?? '',
      group: view.messageGroup ?? '',
    })
  }

  async receive(consumer, count, seconds, invisible, then) {
    const seen = new Set()
    const deadline = Date.now() + seconds * 1000
    while (seen.size < count && Date.now() < deadline) {
      let views
      try {
        views = await consumer.receive(16, invisible)
      } catch (error) {
        this.say('receive-failed', { error: sentence(error) })
        await sleep(500)
        continue
      }
      for (const view of views) {
        await then(view)
        seen.add(bodyOf(view))
      }
    }
    return seen.size
  }
}

const scenarios = {
  async normal(scene) {
    const producer = await scene.producer()
    for (let n = 0; n < 20; n++)
      await scene.send(producer, String(n), {
        tag: n % 2 === 0 ? 'even' : 'odd',
        keys: [`key-${n}`],
        properties: new Map([['n', String(n)]]),
      })
    const filters = [
      ['all', ALL, 20],
      ['tag', new FilterExpression('odd'), 10],
      ['sql', new FilterExpression('n > 14', FilterType.SQL), 5],
    ]
    await Promise.all(
      filters.map(async ([word, filter, count]) => {
        const consumer = await scene.simple(word, filter)
        await scene.receive(consumer, count, 40, LONG, async view => {
          scene.received(word, view)
          await consumer.ack(view)
          scene.say(`${word}-acked`, { body: bodyOf(view) })
        })
        await scene.receive(consumer, 1, 1, LONG, async view => scene.received(word, view))
      }),
    )
  },

  async push(scene) {
    let count = 0
    await scene.push('group', view => {
      scene.received('received', view)
      count++
      return bodyOf(view) === '3' && view.deliveryAttempt === 1 ? ConsumeResult.FAILURE : ConsumeResult.SUCCESS
    })
    const producer = await scene.producer()
    for (let n = 0; n < 10; n++) await scene.send(producer, String(n))
    for (let i = 0; i < 600 && count < 11; i++) await sleep(100)
  },

  async fifo(scene) {
    const producer = await scene.producer()
    for (let n = 0; n < 5; n++)
      for (const group of ['a', 'b', 'c']) await scene.send(producer, `${group}${n}`, { messageGroup: group })
    const seen = new Set()
    await scene.push('push', view => {
      scene.received('pushed', view)
      if (bodyOf(view) === 'b2' && view.deliveryAttempt === 1) return ConsumeResult.FAILURE
      seen.add(bodyOf(view))
      return ConsumeResult.SUCCESS
    })
    const consumer = await scene.simple('simple', ALL)
    let held = false
    await scene.receive(consumer, 15, 60, LONG, async view => {
      scene.received('received', view)
      if (bodyOf(view) === 'a0' && !held) {
        held = true
        scene.say('holds', { body: 'a0' })
        await scene.receive(consumer, 100, 4, LONG, async other => {
          scene.received('received', other)
          await consumer.ack(other)
        })
        scene.say('releases', { body: 'a0' })
      }
      await consumer.ack(view)
    })
    for (let i = 0; i < 600 && seen.size < 15; i++) await sleep(100)
  },

  async delay(scene) {
    const producer = await scene.producer()
    const consumer = await scene.simple('group', ALL)
    const after = ms => ({ deliveryTimestamp: new Date(Date.now() + ms) })
    for (const seconds of [3, 5]) await scene.send(producer, `d${seconds}`, after(seconds * 1000))
    const toRecall = { topic: scene.topic, body: Buffer.from('recalled'), ...after(7000) }
    const { messageId, recallHandle } = await producer.send(toRecall)
    const { messageId: id } = await producer.recallMessage(scene.topic, recallHandle)
    scene.say('recalled', { id, sent: messageId })
    await scene.send(producer, 'last', after(9000))
    await scene
      .send(producer, 'far', after(30 * 86_400_000))
      .catch(error => scene.say('refused', { error: sentence(error) }))
    await scene.receive(consumer, 3, 40, LONG, async view => {
      scene.received('received', view)
      await consumer.ack(view)
    })
    await scene.receive(consumer, 1, 2, LONG, async view => scene.received('received', view))
  },

  async transaction(scene) {
    const { COMMIT, ROLLBACK, TRANSACTION_RESOLUTION_UNSPECIFIED } = TransactionResolution
    const producer = await scene.producer({
      async check(view) {
        scene.say('check', { body: bodyOf(view), id: view.messageId })
        return { 'left-commit': COMMIT, 'left-rollback': ROLLBACK }[bodyOf(view)] ?? TRANSACTION_RESOLUTION_UNSPECIFIED
      },
    })
    const consumer = await scene.simple('group', ALL)
    for (const body of ['commit', 'rollback', 'left-commit', 'left-rollback']) {
      const transaction = producer.beginTransaction()
      await scene.send(producer, body, { properties: new Map([['n', body]]) }, transaction)
      if (body === 'commit') await transaction.commit()
      else if (body === 'rollback') await transaction.rollback()
    }
    await scene.receive(consumer, 2, 60, LONG, async view => {
      scene.received('received', view)
      await consumer.ack(view)
    })
    await scene.receive(consumer, 1, 3, LONG, async view => scene.received('received', view))
  },

  async invisible(scene) {
    const producer = await scene.producer()
    await scene.send(producer, 'x')
    const consumer = await scene.simple('group', ALL)
    await scene.receive(consumer, 1, 30, LONG, async view => {
      scene.received('received', view)
      await consumer.changeInvisibleDuration(view, 2000)
      scene.say('changed')
    })
    let second
    await scene.receive(consumer, 1, 30, 2000, async view => {
      scene.received('received', view)
      second = view
    })
    await sleep(2500)
    await consumer.ack(second).then(
      () => scene.say('late-ack-accepted'),
      error => scene.say('late-ack-refused', { error: sentence(error) }),
    )
    await scene.receive(consumer, 1, 30, LONG, async view => {
      scene.received('received', view)
      await consumer.ack(view)
    })
    await scene.receive(consumer, 1, 3, LONG, async view => scene.received('received', view))
  },

  async dlq(scene) {
    await scene.push('group', view => {
      scene.received('received', view)
      return ConsumeResult.FAILURE
    })
    await scene.send(await scene.producer(), 'poison')
    await sleep(60_000)
  },

  async types(scene) {
    const producer = await scene.producer()
    await scene.send(producer, 'fits', { messageGroup: 'g' })
    await scene.send(producer, 'normal').catch(error => scene.say('refused', { error: sentence(error) }))
  },
}

Promise.all(
  options.scenarios.split(',').map(async name => {
    const scene = new Scene(name)
    await scenarios[name](scene).then(
      () => scene.say('done'),
      error => scene.say('failed', { error: sentence(error) }),
    )
  }),
).then(() => process.exit(0))
