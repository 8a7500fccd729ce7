/** SQL92 filters: what Apache's clients get from either broker, and what our filter and Apache's make of the same cases. */
import { strict as assert } from 'node:assert'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { brokerRequests, decodeRecords, printProperties, ResponseError } from '@rocketcluster/protocol'
import { RemotingClient } from '@rocketcluster/remoting'
import { nodeWorld } from '@rocketcluster/world/node'
import { type Installation, installApache, installClient } from '../apache/index.ts'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { javaCommand } from '../clients/java.ts'
import { silent } from '../reader.ts'
import { type Server, startOwnBroker, startOwnNameServer } from '../rocketcluster.ts'
import { type Child, runChild, startChild } from '../runner/children.ts'
import { suite } from '../runner/suite.ts'
import { sqlCases } from '../sql-cases.ts'

interface System {
  readonly name: 'RocketCluster' | 'Apache'
  readonly nameServer: string
  readonly broker: Server
}

type Options = Readonly<Record<string, string | number>>

const COUNT = 120

/** Expressions with what they want of the messages of SqlClient.java. */
const WANTED: readonly (readonly [sql: string, wants: (n: number) => boolean])[] = [
  ['n > 100', n => n > 100],
  ["TAGS = 'even' AND n BETWEEN 1 AND 20", n => n % 2 === 0 && n >= 1 && n <= 20],
  ["third = 'it''s' and not (n > 30)", n => n % 3 === 0 && n <= 30],
  ['third IS NULL AND half >= 50.5', n => n % 3 !== 0 && n / 2 >= 50.5],
  ["word IN ('wörd-1', 'wörd-6') OR word ENDSWITH '19'", n => n === 1 || n === 6 || n % 100 === 19],
]
/** Those that are only pulled: what a value is compared with says what it has to be. */
const PULLED: typeof WANTED = [
  ...WANTED,
  ["KEYS STARTSWITH 'key-7' AND TAGS <> 'odd'", n => String(n).startsWith('7') && n % 2 === 0],
  ['half = 5', () => false],
  ['half = 5.0', n => n === 10],
  // No number: Java's exception ends the evaluation, and what stands behind it is not looked at.
  ['word > 5 OR TRUE', () => false],
  ['TRUE OR word > 5', () => true],
  // What is absent is neither.
  ['absent = 5 OR absent <> 5', () => false],
  ['absent = missing', () => true],
]
const ILLEGAL = ['n >', "n > 'five'", 'n = NULL', 'n BETWEEN 9 AND 1', "n = 'five", '*', "'n'"]
/** Apache ignores what follows the expression that it has understood, here `word`, and such a consumer gets nothing. */
const WITH_A_REST = ["word LIKE 'w%'", 'n > 5 LIMIT 3']

const CLIENTS: readonly (readonly [string, () => Promise<Installation>])[] = [
  ['java 5.5.0', installApache],
  ['java 4.9.8', installClient],
]

const range = (count: number, start = 0) => Array.from({ length: count }, (_, n) => n + start)

/** Lines `word i rest` by i. */
function said(child: Child | string, word: string): Map<number, string[]> {
  const lines = typeof child === 'string' ? child.split('\n') : child.lines
  const all = new Map<number, string[]>()
  for (const line of lines) {
    const match = /^(\w+) (\d+) ?(.*)$/.exec(line)
    if (match?.[1] !== word) continue
    const list = all.get(Number(match[2]))
    if (list) list.push(match[3]!)
    else all.set(Number(match[2]), [match[3]!])
  }
  return all
}

const sortedNumbers = (list: readonly string[] = []) => [...new Set(list.map(Number))].sort((a, b) => a - b)

async function expressionFile(expressions: readonly string[]): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'sql-')), 'expressions')
  await writeFile(path, expressions.join('\n'))
  return path
}

async function startProgram(installation: Installation, what: string, options: Options): Promise<Child> {
  const { command, args } = await javaCommand('SqlClient', installation)
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  return startChild({ name: `sql-${what}`, command, args: [...args, what, ...flags], env: { HOME: tmpdir() } })
}

async function finished(child: Child): Promise<Child> {
  const { code } = await child.ended
  assert.equal(code, 0, `a client ended with ${code}; it printed ${child.lines.slice(-5).join('\n')}`)
  return child
}

const runProgram = async (...parameters: Parameters<typeof startProgram>) => finished(await startProgram(...parameters))

async function until(what: string, timeoutMs: number, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!condition()) {
    assert.ok(performance.now() < deadline, `${what} did not happen within ${timeoutMs} ms`)
    await sleep(20)
  }
}

let serial = 0

export default suite('filters', ({ test, once }) => {
  const systems: readonly (() => Promise<System>)[] = [
    once(async scope => {
      const nameServer = (await startOwnNameServer(scope)).address
      const broker = await startOwnBroker(scope, { nameServers: [nameServer] })
      return { name: 'RocketCluster', nameServer, broker } satisfies System
    }),
    once(async scope => {
      const nameServer = (await startApacheNameServer(scope)).address
      const conf = { enablePropertyFilter: true }
      const broker = await startApacheBroker(scope, { nameServers: [nameServer], conf })
      return { name: 'Apache', nameServer, broker } satisfies System
    }),
  ]
  const [ours, apache] = systems as [() => Promise<System>, () => Promise<System>]
  /** Most of each test is waiting for clients that look around every 30 s: both brokers are waited for at once. */
  const onBoth = async (check: (system: System) => Promise<void>) => {
    const outcomes = await Promise.allSettled([ours, apache].map(async start => check(await start())))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  for (const [client, install] of CLIENTS)
    test(
      `${client} filters by SQL92 on RocketCluster and on Apache: push, pull, lite pull, retried, refused`,
      async ({ note }) => {
        const installation = await install()
        // Compiled here, once, and not by both at the same time.
        await javaCommand('SqlClient', installation)
        await onBoth(system => filters(system, installation, note))
      },
      { timeoutMs: 250_000 },
    )
  test(
    'a consumer finds its messages again after a restart of RocketCluster, and of Apache',
    ({ note }) => onBoth(system => survives(system, note)),
    { timeoutMs: 300_000 },
  )
  test(
    'one message among many thousands that nobody wants, on RocketCluster and on Apache',
    ({ note }) => onBoth(system => findsOne(system, note)),
    { timeoutMs: 200_000 },
  )
  test(
    'thousands of expressions over many properties: ours and Apache’s own filter agree',
    async ({ note, setting }) => agrees(await ours(), setting('sql-seed', 1), setting('sql-cases', 4000), note),
    { timeoutMs: 120_000 },
  )
  test('consumerFilter.json is as Apache writes it', async () => sameFile(await ours(), await apache()), {
    timeoutMs: 200_000,
  })
})

async function filters(system: System, installation: Installation, note: (text: string) => void): Promise<void> {
  const topic = `Sql-${++serial}`
  const where = { 'name-server': system.nameServer, topic }
  await runProgram(installation, 'send', { ...where, count: COUNT })
  const wanted = (wants: (n: number) => boolean) => range(COUNT).filter(wants)
  const failing = 6
  const again = WANTED.filter(([, wants]) => wants(failing)).length
  const [polled, wantsPolled] = WANTED[0]!
  const pulled = [...PULLED.map(([sql]) => sql), ...ILLEGAL]
  const refused = [...ILLEGAL, ...WITH_A_REST, 'half > 0.0']
  const child = await runProgram(installation, 'check', {
    ...where,
    pushed: await expressionFile(WANTED.map(([sql]) => sql)),
    expect: WANTED.reduce((sum, [, wants]) => sum + wanted(wants).length, again),
    fail: failing,
    seconds: 150,
    pulled: await expressionFile(pulled),
    polled: await expressionFile([polled]),
    'expect-polled': wanted(wantsPolled).length,
    refused: await expressionFile(refused),
  })
  const times = child.lines.filter(line => line.startsWith('time ')).map(line => line.slice('time '.length))
  note(`${system.name}: ${times.map(time => `${time} s`).join(', ')}`)
  const say = (how: string, sql: string) => `${how} by ${sql} on ${system.name}`
  const isApache = system.name === 'Apache'

  for (const [i, [sql, wants]] of WANTED.entries()) {
    assert.deepEqual(sortedNumbers(said(child, 'pushed').get(i)), wanted(wants), say('pushed', sql))
    // Its retry topic is another subscription: what was wanted once comes again.
    const expected = wants(failing) ? [failing] : []
    assert.deepEqual(sortedNumbers(said(child, 'again').get(i)), expected, say('retried', sql))
  }
  for (const [i, [sql, wants]] of PULLED.entries())
    assert.deepEqual(sortedNumbers(said(child, 'pulled').get(i)), wanted(wants), say('pulled', sql))
  assert.deepEqual(sortedNumbers(said(child, 'polled').get(0)), wanted(wantsPolled), say('polled', polled))

  for (const [at, sql] of ILLEGAL.entries()) {
    const i = PULLED.length + at
    // Apache's broker compiles it, says in its log that it does not compile, and goes on without a filter.
    if (isApache) assert.deepEqual(sortedNumbers(said(child, 'pulled').get(i)), range(COUNT), say('pulled', sql))
    else
      assert.match(said(child, 'unpulled').get(i)?.[0] ?? '', /Invalid MessageSelector.*column \d+/, say('pulled', sql))
  }
  if (isApache) note('Apache: a pull by an expression that does not compile gets everything; ours refuses it')

  const refusals = said(child, 'refused')
  for (const [i, sql] of ILLEGAL.entries())
    assert.match(refusals.get(i)?.[0] ?? '', isApache ? /CODE: 23 / : /CODE: 23 .*column \d+: /, say('refused', sql))
  for (const [at, sql] of WITH_A_REST.entries()) {
    const remark = refusals.get(ILLEGAL.length + at)?.[0]
    if (isApache) assert.equal(remark, undefined, say('accepted', sql))
    else assert.match(remark ?? '', /found LI(KE|MIT), expected an operator, AND, OR or the end/, say('refused', sql))
  }
  // To Apache 0.0 is less than the least double.
  assert.equal(refusals.has(refused.length - 1), isApache, say('refused', 'half > 0.0'))
}

/** The broker goes and comes back; what is sent then is filtered as before, and nothing is left out. */
async function survives(system: System, note: (text: string) => void): Promise<void> {
  const installation = await installApache()
  const topic = `SqlRestart-${++serial}`
  const where = { 'name-server': system.nameServer, topic }
  await runProgram(installation, 'send', { ...where, count: COUNT })
  const sql = ["TAGS = 'odd' AND n > 50", "third = 'it''s'"]
  const wants = [(n: number) => n % 2 === 1 && n > 50, (n: number) => n % 3 === 0]
  const wanted = wants.map(each => range(2 * COUNT).filter(each))
  const child = await startProgram(installation, 'push', {
    ...where,
    pushed: await expressionFile(sql),
    expect: wanted[0]!.length + wanted[1]!.length,
    seconds: 150,
  })
  const count = (i: number) => sortedNumbers(said(child, 'pushed').get(i)).length
  const before = wants.map(each => range(COUNT).filter(each).length)
  await until('receiving the messages before the restart', 120_000, () => before.every((want, i) => count(i) === want))
  await system.broker.stop()
  await system.broker.start()
  const startMs = performance.now()
  await runProgram(installation, 'send', { ...where, start: COUNT, count: COUNT })
  await finished(child)
  note(
    `${system.name}: consumed again, to the end, ${Math.round((performance.now() - startMs) / 1000)} s after the start`,
  )
  for (const [i, numbers] of wanted.entries())
    assert.deepEqual(sortedNumbers(said(child, 'pushed').get(i)), numbers, sql[i])
}

/** A pull looks at some hundred messages and says where to go on: nobody waits for it. */
async function findsOne(system: System, note: (text: string) => void): Promise<void> {
  const installation = await installApache()
  const topic = `SqlMass-${++serial}`
  const where = { 'name-server': system.nameServer, topic }
  const count = 30_000
  await runProgram(installation, 'send', { ...where, count, batch: 300 })
  const expressions = await expressionFile([`n = ${count - 1}`, `n = ${count - 1} AND half < 0.5`])
  const startMs = performance.now()
  const child = await runProgram(installation, 'check', {
    ...where,
    pulled: expressions,
    pushed: expressions,
    expect: 1,
  })
  assert.deepEqual(said(child, 'unpulled'), new Map())
  for (const how of ['pulled', 'pushed']) {
    assert.deepEqual(sortedNumbers(said(child, how).get(0)), [count - 1], `${how} on ${system.name}`)
    assert.equal(said(child, how).get(1), undefined)
  }
  const pulls = said(child, 'pulls')
    .get(0)!
    .reduce((sum, each) => sum + Number(each), 0)
  assert.ok(pulls >= count / 2000, `${pulls} pulls went through ${count} messages: each looks at too many`)
  assert.ok(pulls <= count / 100, `${pulls} pulls went through ${count} messages: each looks at too few`)
  note(
    `${system.name}: ${count} messages judged in ${pulls} pulls, in all ${Math.round(performance.now() - startMs)} ms`,
  )
}

/**
 * Ours is asked over the wire, by pulls that bring each expression to a queue of messages with each property set; Apache's
 * filter is asked in its own process.
 */
async function agrees(system: System, seed: number, count: number, note: (text: string) => void): Promise<void> {
  const cases = sqlCases(seed)
  const sets = range(96).map(() => cases.properties())
  const expressions = range(count).map(i => (i % 4 === 3 ? cases.mutilated() : cases.expression()))
  const [expected, actual] = await Promise.all([
    apacheVerdicts(expressions, sets),
    ourVerdicts(system, `SqlCases-${++serial}`, expressions, sets),
  ])
  const tally = { match: 0, 'match nothing': 0, 'are refused by both': 0, 'have a rest that only Apache accepts': 0 }
  for (const [i, sql] of expressions.entries()) {
    const apache = expected[i]!
    const { verdicts, problem } = actual[i]!
    const say = `seed ${seed}, case ${i}: ${JSON.stringify(sql)}`
    if (apache === '!') {
      if (/(?<![\d.])0+\.0*(?![\d])/.test(sql) && verdicts !== '!') continue
      assert.equal(verdicts, '!', `${say} is refused by Apache`)
      tally['are refused by both']++
    } else if (verdicts === '!') {
      assert.match(problem ?? '', /expected an operator, AND, OR or the end/, `${say} is accepted by Apache`)
      tally['have a rest that only Apache accepts']++
    } else {
      for (const [at, set] of sets.entries())
        assert.equal(verdicts[at], apache[at], `${say} over ${JSON.stringify(set)}`)
      tally[verdicts.includes('1') ? 'match' : 'match nothing']++
    }
  }
  note(
    `of ${count} expressions over ${sets.length} property sets ${Object.entries(tally)
      .map(([what, n]) => `${n} ${what}`)
      .join(', ')}`,
  )
  assert.ok(tally.match > count / 5, 'too few expressions match anything')
  assert.ok(tally['are refused by both'] > count / 20, 'too few expressions are refused')
}

async function apacheVerdicts(expressions: readonly string[], sets: readonly Record<string, string>[]) {
  const installation = await installApache()
  const { command, args } = await javaCommand('SqlJudge', installation)
  const directory = await mkdtemp(join(tmpdir(), 'sql-'))
  const file = async (name: string, lines: readonly string[]) => {
    const path = join(directory, name)
    await writeFile(path, lines.map(line => Buffer.from(line).toString('base64')).join('\n'))
    return path
  }
  const files = [await file('expressions', expressions), await file('properties', sets.map(printProperties))]
  const output = await runChild({ name: 'sql-judge', command, args: [...args, ...files], timeoutMs: 60_000 })
  const lines = output.split('\n')
  assert.equal(lines.filter(line => line !== '').length, expressions.length)
  return lines
}

async function ourVerdicts(
  system: System,
  topic: string,
  expressions: readonly string[],
  sets: readonly Record<string, string>[],
): Promise<{ verdicts: string; problem?: string }[]> {
  const client = new RemotingClient(nodeWorld({ log: silent }), {})
  try {
    for (const [n, set] of sets.entries())
      await client.invoke(
        system.broker.address,
        brokerRequests.sendMessageV2,
        {
          producerGroup: 'sql_cases',
          topic,
          defaultTopic: 'TBW102',
          defaultTopicQueueNums: 1,
          queueId: 0,
          sysFlag: 0,
          bornTimestamp: 0,
          flag: 0,
          properties: printProperties(set),
          reconsumeTimes: 0,
          unitMode: false,
          batch: false,
        },
        { body: Buffer.from(String(n)), timeoutMs: 5000 },
      )
    const verdictsOf = async (subscription: string) => {
      const verdicts = sets.map(() => '0')
      try {
        for (let queueOffset = 0; queueOffset < sets.length; ) {
          const reply = await client.invoke(
            system.broker.address,
            brokerRequests.pullMessage,
            {
              consumerGroup: 'sql_cases',
              topic,
              queueId: 0,
              queueOffset,
              maxMsgNums: sets.length,
              sysFlag: 4,
              commitOffset: 0,
              suspendTimeoutMillis: 0,
              subscription,
              subVersion: 0,
              expressionType: 'SQL92',
            },
            { timeoutMs: 20_000 },
          )
          for (const { body } of decodeRecords(Buffer.from((reply.body as Uint8Array | undefined) ?? [])))
            verdicts[Number(body)] = '1'
          queueOffset = reply.nextBeginOffset
        }
        return { verdicts: verdicts.join('') }
      } catch (error) {
        if (!(error instanceof ResponseError)) throw error
        assert.equal(error.status, 'SUBSCRIPTION_PARSE_FAILED', error.message)
        return { verdicts: '!', problem: error.message }
      }
    }
    const results: { verdicts: string; problem?: string }[] = []
    for (let at = 0; at < expressions.length; at += 50)
      results.push(...(await Promise.all(expressions.slice(at, at + 50).map(verdictsOf))))
    return results
  } finally {
    await client.close()
  }
}

/** The same consumer on both: but for times and versions the same content, the bloom filter's bits included. */
async function sameFile(...systems: readonly System[]): Promise<void> {
  const installation = await installApache()
  const topic = 'SqlFile'
  const contents = await Promise.all(
    systems.map(async system => {
      const where = { 'name-server': system.nameServer, topic }
      await runProgram(installation, 'send', { ...where, count: 10 })
      const pushed = await expressionFile(["n > 5 AND word = 'wörd-9'"])
      await runProgram(installation, 'push', { ...where, pushed, expect: 1, seconds: 90 })
      await system.broker.stop()
      const path = join(system.broker.dataDir, 'store', 'config', 'consumerFilter.json')
      const { filterDataByTopic } = JSON.parse(await readFile(path, 'utf8'))
      await system.broker.start()
      const { topic: name, groupFilterData } = filterDataByTopic[topic]
      const { bornTime, deadTime, clientVersion, ...rest } = groupFilterData.SqlFile_push_0
      assert.ok(deadTime >= bornTime && bornTime > 0 && clientVersion > 0, system.name)
      return { name, groups: Object.keys(groupFilterData), rest }
    }),
  )
  assert.deepEqual(contents[0], contents[1])
  assert.equal(contents[0]!.rest.bloomFilterData.bitPos.length, 3)
}
