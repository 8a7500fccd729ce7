/** Pop consumption with the official Java client: the same outcome on our broker and on Apache's. */
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { installApache } from '../apache/index.ts'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { javaCommand } from '../clients/java.ts'
import { failure, MqAdmin } from '../mqadmin.ts'
import { type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Child, startChild } from '../runner/children.ts'
import { type Scope, suite } from '../runner/suite.ts'

interface System {
  readonly name: 'RocketCluster' | 'Apache'
  readonly nameServer: string
  readonly broker: Server
}

/** What the Java program asks for. */
const INVISIBLE_MS = 4000
/** Apache looks 2 s after the time at the earliest, in rounds of up to ten seconds; a push consumer there may start 30 s late. */
const PATIENCE_MS = 100_000

interface Seen {
  readonly who: string
  readonly body: string
  readonly topic: string
  readonly queueId: number
  readonly offset: number
  readonly reconsumeTimes: number
  readonly handle: string
  readonly tags: string
  readonly atMs: number
}

/** The Java program at work. */
class Program {
  readonly child: Child

  constructor(child: Child) {
    this.child = child
  }

  all<T = Seen>(word: string): T[] {
    return this.child.lines
      .filter(line => line.startsWith(`${word} {`))
      .map(line => JSON.parse(line.slice(word.length + 1)) as T)
  }

  /** What the broker said, by question. */
  get answers(): ReadonlyMap<string, string> {
    return new Map(this.all<{ what: string; is: string }>('answer').map(({ what, is }) => [what, is]))
  }

  async until<T = Seen>(word: string, enough: (seen: readonly T[]) => boolean, timeoutMs = PATIENCE_MS): Promise<T[]> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const seen = this.all<T>(word)
      if (enough(seen)) return seen
      const failed = this.all<{ why: string }>('failed')[0]
      if (failed || this.child.end || performance.now() > deadline) {
        const why = failed ? failed.why : this.child.end ? 'it ended' : `${timeoutMs} ms passed`
        throw new Error(
          `not enough of "${word}" before ${why}: ${JSON.stringify(seen).slice(-600)}\n${this.child.lines.slice(-5).join('\n')}`,
        )
      }
      await sleep(50)
    }
  }
}

let serial = 0

async function start(
  system: System,
  what: 'raw' | 'push',
  consumers = 1,
): Promise<{ program: Program; prefix: string }> {
  const { command, args } = await javaCommand('Pop', await installApache())
  const prefix = `pop${system.name.charAt(0)}${++serial}`
  const child = startChild({
    name: `pop-${prefix}`,
    command,
    args: [
      ...args,
      what,
      '--name-server',
      system.nameServer,
      '--broker',
      system.broker.address,
      '--prefix',
      prefix,
      '--consumers',
      String(consumers),
    ],
  })
  return { program: new Program(child), prefix }
}

const bodies = (seen: readonly Seen[]) => [...new Set(seen.map(({ body }) => body))].sort()
const range = (count: number) => Array.from({ length: count }, (_, i) => String(i))

export default suite('pop', ({ test, once }) => {
  const ours = once(async (scope: Scope): Promise<System> => {
    const nameServer = await startOwnNameServer(scope)
    const broker = await startOwnBroker(scope, { nameServers: [nameServer.address] })
    return { name: 'RocketCluster', nameServer: nameServer.address, broker }
  })
  const apache = once(async (scope: Scope): Promise<System> => {
    const nameServer = await startApacheNameServer(scope)
    const broker = await startApacheBroker(scope, { nameServers: [nameServer.address] })
    return { name: 'Apache', nameServer: nameServer.address, broker }
  })
  const tools = once((scope: Scope) => MqAdmin.start(scope))

  for (const [name, system] of [
    ['RocketCluster', ours],
    ['Apache', apache],
  ] as const) {
    test(
      `the calls of Apache’s proxy on ${name}`,
      async ({ note, defer }) => {
        const running = await system()
        const { program, prefix } = await start(running, 'raw')
        defer(() => program.child.kill())
        await program.until<object>('done', done => done.length > 0)
        comesBack(program, prefix, note)
        shared(program)
        inOrder(program)
        notified(program)
      },
      { timeoutMs: 200_000 },
    )
    test(
      `push consumers that pop, and a broker killed under them, on ${name}`,
      async ({ note, defer }) => {
        const running = await system()
        await pushes(running, await tools(), defer, note)
      },
      { timeoutMs: 300_000 },
    )
  }
})

/** What is acknowledged is gone; what is not comes back when its time is over, as the same message with one more attempt. */
function comesBack(program: Program, prefix: string, note: (text: string) => void): void {
  const popped = program.all('popped')
  assert.deepEqual(bodies(popped), [...range(10), 'first'].sort())
  assert.equal(popped.length, 11, 'no message comes twice')
  for (const { handle, reconsumeTimes, topic, queueId, offset, tags } of popped) {
    assert.equal(reconsumeTimes, 0)
    assert.equal(topic, `${prefix}-raw`)
    assert.equal(tags, 'tag')
    const fields = handle.split(' ')
    assert.equal(fields.length, 8, handle)
    assert.deepEqual(
      [fields[2], fields[4], fields[6], fields[7]],
      [String(INVISIBLE_MS), '0', String(queueId), String(offset)],
    )
    assert.ok(Number(fields[0]) <= offset && Number(fields[3]) < 8, handle)
  }
  const { answers } = program
  for (const body of ['first', ...range(5), '9', '9 again'])
    assert.equal(answers.get(`ack of ${body}`), 'OK', `ack of ${body}`)
  assert.equal(answers.get('batch ack'), 'OK')
  assert.equal(answers.get('change of 7'), 'OK')
  assert.equal(answers.get('ack beyond the end'), 'NO_EXIST')
  assert.equal(answers.get('ack of a queue that is not there'), 'NO_EXIST')

  const again = program.all('again')
  assert.deepEqual(again.map(({ body, reconsumeTimes }) => [body, reconsumeTimes]).sort(), [
    ['7', 1],
    ['8', 1],
  ])
  for (const { topic, handle } of again) {
    assert.equal(topic, `${prefix}-raw`, 'under its own topic')
    assert.equal(handle.split(' ')[4], '1', 'from the retry topic')
  }
  const popTime = Number(popped.find(({ body }) => body === '8')!.handle.split(' ')[1])
  const lateMs = again.find(({ body }) => body === '8')!.atMs - popTime - INVISIBLE_MS
  assert.ok(lateMs >= 0, `8 came back ${-lateMs} ms early`)
  const [changed] = program.all<{ atMs: number; handle: string }>('changed')
  const [, from, invisible] = changed!.handle.split(' ').map(Number)
  const changedLateMs = again.find(({ body }) => body === '7')!.atMs - from! - invisible!
  assert.equal(invisible, 9000)
  assert.ok(changedLateMs >= 0, `7 came back ${-changedLateMs} ms before its changed time`)
  assert.deepEqual(program.all('surplus'), [], 'nothing else comes back')
  note(`came back ${lateMs} ms and ${changedLateMs} ms after their times`)
}

function shared(program: Program): void {
  const seen = program.all('shared')
  assert.equal(seen.length, 40, 'each message goes to one consumer')
  assert.deepEqual(bodies(seen), range(40).sort())
  const consumers = new Set(seen.map(({ who }) => who))
  assert.equal(consumers.size, 2, 'both consumers get some')
}

function inOrder(program: Program): void {
  const { answers } = program
  const expected: readonly (readonly [string, string])[] = [
    ['ordered pop', 'o0/0 o1/0'],
    ['another while it is out', ''],
    ['the same attempt', 'o0/0 o1/0'],
    ['ack of the first', 'OK'],
    ['one is still out', ''],
    ['when its time is over', 'o1/1 o2/0 o3/0'],
    ['ordered ack of o1', 'OK'],
    ['ordered ack of o2', 'OK'],
    ['ordered ack of o3', 'OK'],
    ['the rest', 'o4/0'],
  ]
  for (const [what, is] of expected) assert.equal(answers.get(what), is, what)
}

function notified(program: Program): void {
  const { answers } = program
  assert.equal(answers.get('notification of what is there'), 'true')
  assert.equal(answers.get('notification of nothing'), 'false')
  assert.equal(answers.get('notification that waits'), 'true in time')
}

/** Consumers of 5.5.0 pop after setConsumeMode, those of 4.9.8 go on pulling; neither loses anything when the broker dies. */
async function pushes(
  system: System,
  admin: MqAdmin,
  defer: (end: () => unknown) => void,
  note: (text: string) => void,
): Promise<void> {
  const news = await start(system, 'push', 2)
  defer(() => news.program.child.kill())
  const [ready] = await news.program.until<{ broker: string }>('ready', all => all.length > 0)
  assert.ok(ready)
  const groupName = `${news.prefix}_push`
  // The group has to be there, as on Apache: it makes one for the first consumer that asks, or by hand.
  const made = await admin.run('updateSubGroup', '-b', system.broker.address, '-g', groupName)
  assert.equal(failure(made), undefined, made)
  const output = await admin.run(
    'setConsumeMode',
    '-b',
    system.broker.address,
    '-t',
    `${news.prefix}-push`,
    '-g',
    groupName,
    '-m',
    'POP',
    '-q',
    '0',
  )
  assert.equal(failure(output), undefined, output)
  news.program.child.write('\n')
  const start20 = (seen: readonly Seen[]) => bodies(seen).filter(body => Number.parseInt(body, 10) < 20).length === 20
  await news.program.until('pushed', start20)

  await system.broker.kill()
  await sleep(1000)
  await system.broker.start()
  const sentBefore = news.program.all<{ body: string }>('sent').length
  await news.program.until<{ body: string }>('sent', sent => sent.length >= sentBefore + 5)
  const wanted = news.program.all<{ body: string }>('sent').map(({ body }) => body)
  const seen = await news.program.until('pushed', all => {
    const got = new Set(all.map(({ body }) => body))
    const failedOnes = all.filter(({ body, reconsumeTimes }) => body.endsWith('!') && reconsumeTimes === 1)
    return wanted.every(body => got.has(body)) && new Set(failedOnes.map(({ body }) => body)).size === 2
  })
  for (const { handle } of seen) assert.notEqual(handle, 'null', 'every message was popped')
  const consumers = new Set(seen.map(({ who }) => who))
  assert.equal(consumers.size, 2, 'both consumers get some')
  const twice = seen.length - new Set(seen.map(({ body, reconsumeTimes }) => `${body}/${reconsumeTimes}`)).size
  note(`${seen.length} deliveries, ${twice} of them again after the kill`)
}
