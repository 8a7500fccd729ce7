/** Apache brokers in controller mode, managed by our controllers; the same steps with Apache's own controller are its documentation. */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startApacheBroker, startApacheNameServer } from '../apache-server.ts'
import { runToEnd } from '../clients/client.ts'
import { java } from '../clients/java.ts'
import { failure, MqAdmin } from '../mqadmin.ts'
import { newDirectory, type OwnServer, type Server, startOwnController } from '../rocketcluster.ts'
import { type Scope, suite, type TestContext } from '../runner/suite.ts'

const TOPIC = 'controller'
const CLUSTER = 'DefaultCluster'
const GROUP = 'broker-a'

export default suite('controller', ({ test, once }) => {
  const mqadmin = once(scope => MqAdmin.start(scope))
  test(
    'an Apache broker pair under two of our controllers: ids, election, kill -9, return as a slave, mqadmin',
    async context => apachePair(context, await mqadmin()),
    { timeoutMs: 240_000 },
  )
})

interface GroupState {
  readonly master: number
  readonly masterEpoch: number
  readonly setEpoch: number
  readonly inSync: readonly number[]
  readonly notInSync: readonly number[]
  readonly alive: readonly number[]
}

/** `mqadmin getSyncStateSet`, read. */
async function stateOf(mqadmin: MqAdmin, controller: OwnServer): Promise<GroupState> {
  const output = await mqadmin.run('getSyncStateSet', '-a', controller.address, '-b', GROUP)
  const number = (name: string) => Number(new RegExp(`#${name}\\s+(\\S+)`).exec(output)?.[1])
  const members = [...output.matchAll(/(Not)?InSyncReplica:\s*ReplicaIdentity\{(.*?)\}/g)].map(([, not, text]) => ({
    inSync: not === undefined,
    id: Number(/brokerId=(\d+)/.exec(text!)?.[1]),
    alive: /alive=true/.test(text!),
  }))
  const ids = (of: typeof members) => of.map(({ id }) => id).sort()
  return {
    master: number('MasterBrokerId'),
    masterEpoch: number('MasterEpoch'),
    setEpoch: number('SyncStateSetEpoch'),
    inSync: ids(members.filter(({ inSync }) => inSync)),
    notInSync: ids(members.filter(({ inSync }) => !inSync)),
    alive: ids(members.filter(({ alive }) => alive)),
  }
}

async function until(
  what: string,
  look: () => Promise<GroupState>,
  holds: (state: GroupState) => boolean,
  timeoutMs = 60_000,
): Promise<{ state: GroupState; tookMs: number }> {
  const began = performance.now()
  for (;;) {
    const state = await look()
    const tookMs = performance.now() - began
    if (holds(state)) return { state, tookMs }
    if (tookMs > timeoutMs) throw new Error(`${what} did not happen in ${timeoutMs} ms; it is ${JSON.stringify(state)}`)
    await sleep(100)
  }
}

async function apachePair(context: TestContext, mqadmin: MqAdmin): Promise<void> {
  const records = join(await newDirectory('controller-records'), 'records')
  const [one, two, nameServer] = await Promise.all([
    startOwnController(context, {
      readyTimeoutMs: 60_000,
      conf: { controllerStorePath: records, controllerDLegerSelfId: 'n0' },
    }),
    startOwnController(context, {
      readyTimeoutMs: 60_000,
      conf: { controllerStorePath: records, controllerDLegerSelfId: 'n1' },
    }),
    startApacheNameServer(context),
  ])
  const ask = (controller: OwnServer) => () => stateOf(mqadmin, controller)
  const brokers = new Map<number, Server>()
  const start = (scope: Scope, dataDir?: string) =>
    startApacheBroker(scope, {
      nameServers: [nameServer.address],
      ...(dataDir !== undefined && { dataDir }),
      conf: {
        enableControllerMode: true,
        controllerAddr: `${one.address};${two.address}`,
        brokerId: -1,
        // Every member of the set has what is acknowledged.
        allAckInSyncStateSet: true,
        inSyncReplicas: 1,
        // A slave that is gone leaves the set soon.
        haMaxTimeSlaveNotCatchup: 3000,
        syncBrokerMetadataPeriod: 1000,
        checkSyncStateSetPeriod: 1000,
      },
    })

  // The ids are given in the order of coming, and the first is elected.
  brokers.set(1, await start(context))
  await until('broker 1 is master', ask(one), ({ master, masterEpoch }) => master === 1 && masterEpoch === 1)
  brokers.set(2, await start(context))
  const formed = await until('broker 2 is in sync', ask(two), ({ inSync }) => inSync.join() === '1,2')
  assert.equal(formed.state.master, 1)
  assert.deepEqual(formed.state.alive, [1, 2])

  const metadata = await mqadmin.run('getControllerMetaData', '-a', two.address)
  assert.equal(failure(metadata), undefined, metadata)
  assert.match(metadata, new RegExp(`#ControllerLeaderAddress\\s+${two.address}`))
  assert.match(metadata, /#ControllerLeaderId\s+n1/)

  const where = { 'name-server': nameServer.address, topic: TOPIC }
  const topic = await mqadmin.run(
    'updateTopic',
    '-n',
    nameServer.address,
    '-c',
    CLUSTER,
    '-t',
    TOPIC,
    '-r',
    '2',
    '-w',
    '2',
  )
  assert.equal(failure(topic), undefined, topic)
  const first = await runToEnd(java, 'send', { ...where, count: 50 })
  assert.equal(first.sent.length, 50)

  // The topic is on the slave before the master dies: Apache copies metadata every few seconds.
  await sleep(12_000)
  await brokers.get(1)!.kill()
  const failedOver = await until('broker 2 is master after kill -9 of broker 1', ask(one), ({ master }) => master === 2)
  assert.equal(failedOver.state.masterEpoch, 2)
  context.note(`the slave was elected ${Math.round(failedOver.tookMs)} ms after kill -9, as mqadmin saw it`)
  const second = await runToEnd(java, 'send', { ...where, count: 50 })
  assert.equal(second.sent.length, 50)

  // It comes back as a slave, with its id, and into the set.
  await brokers.get(1)!.start()
  const back = await until('broker 1 is in sync again', ask(two), ({ inSync }) => inSync.join() === '1,2')
  assert.equal(back.state.master, 2)
  assert.equal(back.state.masterEpoch, 2)

  const elected = await mqadmin.run('electMaster', '-a', one.address, '-b', '1', '-bn', GROUP, '-c', CLUSTER)
  assert.equal(failure(elected), undefined, elected)
  assert.match(elected, /#MasterEpoch\s+3/)
  const handedOver = await until('broker 1 is master on request', ask(two), ({ master }) => master === 1)
  assert.equal(handedOver.state.masterEpoch, 3)
  const wrong = await mqadmin.run('electMaster', '-a', one.address, '-b', '7', '-bn', GROUP, '-c', CLUSTER)
  assert.match(wrong, /2012|broker 7 is not a member/)
  await until('broker 2 is in sync with broker 1', ask(one), ({ inSync }) => inSync.join() === '1,2')

  // The whole log is there: what was acknowledged by the first master, by the second, and by the third.
  const third = await runToEnd(java, 'send', { ...where, count: 50 })
  assert.equal(third.sent.length, 50)
  const pulled = await runToEnd(java, 'pull', where)
  assert.ok(pulled.received.length >= 150, `${pulled.received.length} of 150 acknowledged messages were read`)

  // A controller that dies changes nothing, and the other one goes on.
  await one.kill()
  await sleep(2000)
  assert.deepEqual((await stateOf(mqadmin, two)).masterEpoch, 3)
  await one.start()

  // Members that live are not forgotten; dead ones are.
  const alive = await mqadmin.run('cleanBrokerMetadata', '-a', two.address, '-bn', GROUP, '-b', '2', '-c', CLUSTER)
  assert.match(alive, /is still alive, clean up failure/)
  await brokers.get(2)!.stop()
  await until('broker 2 is gone', ask(two), ({ alive: ids }) => ids.join() === '1')
  const cleaned = await mqadmin.run('cleanBrokerMetadata', '-a', two.address, '-bn', GROUP, '-b', '2', '-c', CLUSTER)
  assert.match(cleaned, /success/, cleaned)
  const left = await stateOf(mqadmin, one)
  assert.deepEqual([left.master, left.inSync, left.notInSync], [1, [1], []])

  const config = await mqadmin.run('updateControllerConfig', '-a', two.address, '-k', 'electionGraceMs', '-v', '2500')
  assert.equal(failure(config), undefined, config)
  assert.match(await mqadmin.run('getControllerConfig', '-a', two.address), /electionGraceMs\s+=\s+2500/)
  const metrics = await (await fetch(`${two.http}/metrics`)).text()
  assert.match(metrics, /active_broker_num\{cluster="DefaultCluster",broker_set="broker-a".*\} 1/)
}
