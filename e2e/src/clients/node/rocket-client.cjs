// ali-ons behind the command line that every client of the end-to-end suites has (see RocketClient.java).
'use strict'
const { Consumer, Message, Producer } = require('ali-ons')

const [command, ...rest] = process.argv.slice(2)
const options = {}
for (let i = 0; i + 1 < rest.length; i += 2) options[rest[i].slice(2)] = rest[i + 1]
const number = (name, otherwise) => Number(options[name] ?? otherwise)
const say = line => process.stdout.write(`${line}\n`)
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const silent = { info() {}, warn() {}, error() {}, debug() {} }
const common = {
  logger: silent,
  // Looked up over HTTP on Alibaba's cloud; nameSrv says it instead, yet the option must be there.
  httpclient: { request: async () => ({ status: 500 }) },
  nameSrv: options['name-server'],
  clientIP: '127.0.0.1',
}

async function send() {
  const producer = new Producer({ ...common, producerGroup: options.group ?? 'e2e_producers' })
  producer.on('error', error => say(`failed -1 ${error.message}`))
  await producer.ready()
  const start = number('start', 0)
  for (let n = start; n < start + number('count', 1); n++) {
    const deadline = Date.now() + 60_000
    for (;;) {
      try {
        const message = new Message(options.topic, n % 2 === 0 ? 'even' : 'odd', `${n} `.padEnd(number('size', 0), 'x'))
        message.keys = [`key-${n}`]
        message.properties.n = String(n)
        const result = await producer.send(message)
        if (result.sendStatus === 'SEND_OK') {
          // What ali-ons calls msgId is the broker's offsetMsgId: it knows no UNIQ_KEY.
          say(`sent ${n} ${result.msgId} ${result.msgId} ${result.messageQueue.queueId} ${result.queueOffset}`)
          break
        }
        say(`status ${n} ${result.sendStatus}`)
      } catch (error) {
        say(`failed ${n} ${error.message}`)
      }
      if (Date.now() > deadline) throw new Error(`message ${n} was not acknowledged within 60 s`)
      await sleep(200)
    }
    if (number('pause-ms', 0) > 0) await sleep(number('pause-ms', 0))
  }
  await producer.close()
}

async function push() {
  const consumer = new Consumer({
    ...common,
    consumerGroup: options.group ?? 'e2e_pushers',
    consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
    rebalanceInterval: 2000,
  })
  const seen = new Set()
  let done
  const all = new Promise(resolve => (done = resolve))
  // ali-ons reports a lost broker here and goes on by itself.
  consumer.on('error', () => {})
  consumer.subscribe(options.topic, options.tags ?? '*', async message => {
    const n = message.body.toString().split(' ')[0]
    say(`received ${n} ${message.queueId} ${message.queueOffset} ${message.tags} ${message.properties.n}`)
    seen.add(n)
    if (seen.size >= number('expect', Number.POSITIVE_INFINITY)) done()
  })
  await consumer.ready()
  say('started')
  const late = setTimeout(done, number('seconds', 30) * 1000)
  await all
  clearTimeout(late)
  say(`${seen.size >= number('expect', Number.POSITIVE_INFINITY) ? 'complete' : 'incomplete'} ${seen.size}`)
  await Promise.race([consumer.close(), sleep(3000)])
}

const commands = { send, push }
if (!commands[command]) throw new Error(`unknown command ${command}`)
commands[command]().then(
  () => process.exit(0),
  error => {
    say(`failed -1 ${error.stack}`)
    process.exit(1)
  },
)
