/** `rocketcluster up`, by its contract for scripts. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runToEnd } from '../clients/client.ts'
import { java } from '../clients/java.ts'
import { readTopic } from '../reader.ts'
import { program, startUp, upArguments } from '../rocketcluster.ts'
import { startChild, tail } from '../runner/children.ts'
import { suite } from '../runner/suite.ts'

const example = (name: string) => fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url))

export default suite('up', ({ test }) => {
  test('quickstart: serves a stock client, revives what dies, stops on SIGTERM, finds everything again', async context => {
    const directory = join(await context.directory(), 'data')
    const first = await startUp(context, example('quickstart.yaml'), directory)
    const [nameServer] = first.report.nameServers
    const where = { 'name-server': nameServer!, topic: 'up' }
    assert.equal((await runToEnd(java, 'send', { ...where, count: 20 })).sent.length, 20)

    // A second one on the same directory is refused, and changes nothing.
    const second = startChild({
      name: 'up-second',
      command: process.execPath,
      args: upArguments(example('quickstart.yaml'), directory),
    })
    context.defer(() => second.kill())
    const { code } = await second.ended
    assert.notEqual(code, 0, 'a concurrent up on one directory was not refused')
    assert.equal(second.lines.length, 0)
    assert.match(tail(second.logFile), /data/)

    const broker = first.report.processes.find(({ kind }) => kind === 'broker')!
    process.kill(broker.pid, 'SIGKILL')
    assert.equal((await runToEnd(java, 'send', { ...where, start: 20, count: 20 })).sent.length, 20)
    await stops(first.child)

    const third = await startUp(context, example('quickstart.yaml'), directory)
    const stored = await readTopic(third.report.nameServers[0]!, 'up')
    assert.deepEqual(
      [...new Set(stored.map(({ n }) => n))].sort((a, b) => a - b),
      Array.from({ length: 40 }, (_, n) => n),
    )
    assert.equal(third.child.lines.length, 1, 'standard output has more than the one line')
    await stops(third.child)
    for (const { pid } of [...first.report.processes, ...third.report.processes])
      assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })
  test('several masters: every broker group takes messages', async context => {
    const directory = join(await context.directory(), 'data')
    const { child, report } = await startUp(context, example('several-masters.yaml'), directory)
    assert.equal(report.nameServers.length, 2)
    const brokers = report.processes.filter(({ kind }) => kind === 'broker')
    assert.equal(brokers.length, 3)
    const where = { 'name-server': report.nameServers.join(';'), topic: 'up-several' }
    const { sent } = await runToEnd(java, 'send', { ...where, count: 60 })
    // An offsetMsgId begins with the address and port of the broker that has the message.
    assert.equal(
      new Set(sent.map(({ offsetMsgId }) => offsetMsgId!.slice(0, 16))).size,
      3,
      'not all brokers took messages',
    )
    const { received } = await runToEnd(java, 'push', { ...where, expect: 60, seconds: 90 })
    assert.equal(new Set(received.map(({ n }) => n)).size, 60)
    await stops(child)
  })
  test('a group of three: failover by command, a dead replica fails no send, and a dead master is replaced', async context => {
    const directory = join(await context.directory(), 'data')
    const { child, report } = await startUp(context, example('master-slaves.yaml'), directory)
    const members = report.processes.filter(({ kind }) => kind === 'broker')
    const where = { 'name-server': report.nameServers.join(';'), topic: 'up-group' }
    assert.equal((await runToEnd(java, 'send', { ...where, count: 40 })).sent.length, 40)

    const moved = await cli('failover', '--data', directory, '--to', '2', '--output', 'json')
    assert.deepEqual([moved.code, JSON.parse(moved.stdout).to], [0, 2], moved.stderr)
    const status = JSON.parse((await cli('status', '--data', directory, '--output', 'json')).stdout)
    const [group] = status.groups
    assert.equal(group.masterEpoch, 2)
    assert.equal(group.members.find(({ isMaster }: { isMaster: boolean }) => isMaster).brokerId, 2)
    assert.equal((await runToEnd(java, 'send', { ...where, start: 40, count: 40 })).sent.length, 40)

    process.kill(members[2]!.pid, 'SIGKILL')
    assert.equal((await runToEnd(java, 'send', { ...where, start: 80, count: 40 })).sent.length, 40)
    process.kill(members[1]!.pid, 'SIGKILL')
    const { received } = await runToEnd(java, 'push', { ...where, expect: 120, seconds: 90, group: 'up-group' })
    assert.equal(new Set(received.map(({ n }) => n)).size, 120)
    const refused = await cli('failover', '--data', directory, '--to', '9')
    assert.deepEqual([refused.code, /broker 9 is not a member/.test(refused.stderr)], [1, true], refused.stderr)
    await stops(child)
  })
})

/** A command of `rocketcluster`, to its end. */
async function cli(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = startChild({ name: 'cli', command: process.execPath, args: [program('cli/src/main.ts'), ...args] })
  const { code } = await child.ended
  return { code, stdout: child.lines.join('\n'), stderr: tail(child.logFile) }
}

async function stops(child: ReturnType<typeof startChild>): Promise<void> {
  const began = performance.now()
  child.signal('SIGTERM')
  const end = await Promise.race([child.ended, sleep(10_000)])
  assert.ok(end, 'up was still there 10 s after SIGTERM')
  assert.equal(end.code, 0, `up ended with ${end.code ?? end.signal} after ${Math.round(performance.now() - began)} ms`)
}
