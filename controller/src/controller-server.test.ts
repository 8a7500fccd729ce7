import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { controllerConfig } from '@rocketcluster/config'
import { brokerRequests, controllerRequests, groupRecord } from '@rocketcluster/protocol'
import { RemotingClient, RemotingServer } from '@rocketcluster/remoting'
import { nodeWorld } from '@rocketcluster/world/node'
import { ControllerServer } from './controller-server.ts'
import { MemoryRecordStore } from './record-store/memory-record-store.ts'
import { RecordStoreError } from './record-store/record-store.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const GROUP = { clusterName: 'cluster', brokerName: 'broker-a' }

async function start({ store = new MemoryRecordStore(), conf = '' } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'controller-'))
  undo.push(() => rmSync(directory, { recursive: true, force: true }))
  const { config } = controllerConfig.parse(
    `listenPort=0\nbindAddress=127.0.0.1\nscanNotActiveBrokerInterval=50\nelectionGraceMs=0\nconfigStorePath=${directory}/controller.conf\n${conf}`,
  )
  const server = await ControllerServer.start(nodeWorld(), { config, store })
  undo.push(() => server.stop())
  return { server, store, directory, address: `127.0.0.1:${server.port}` }
}

/** A connection of its own, as each broker has. */
function client(): RemotingClient {
  const remoting = new RemotingClient(nodeWorld())
  undo.push(() => remoting.close())
  return remoting
}

async function eventually(holds: () => Promise<boolean> | boolean): Promise<void> {
  const until = Date.now() + 5000
  while (!(await holds())) {
    if (Date.now() > until) throw new Error('it did not happen within 5 s')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** An Apache broker's way through the door: id, registration, beat. */
async function apacheBroker(address: string, listen?: string) {
  const broker = client()
  const { nextBrokerId } = await broker.invoke(address, controllerRequests.controllerGetNextBrokerId, GROUP)
  const brokerId = nextBrokerId!
  const brokerAddress = listen ?? `10.0.0.${brokerId}:10911`
  const registerCheckCode = `${brokerAddress};1`
  await broker.invoke(address, controllerRequests.controllerApplyBrokerId, {
    ...GROUP,
    appliedBrokerId: brokerId,
    registerCheckCode,
  })
  const register = () =>
    broker.invoke(address, controllerRequests.controllerRegisterBroker, { ...GROUP, brokerId, brokerAddress })
  const registered = await register()
  const beat = () =>
    broker.invokeOneWay(address, controllerRequests.brokerHeartbeat, {
      ...GROUP,
      brokerId,
      brokerAddr: brokerAddress,
      epoch: 0,
      maxOffset: 0,
    })
  await beat()
  const elect = () => broker.invoke(address, controllerRequests.controllerElectMaster, { ...GROUP, brokerId })
  return { broker, brokerId, brokerAddress, registered, register, elect, beat }
}

const syncStateData = async (address: string) => {
  const { body } = await client().invoke(
    address,
    controllerRequests.controllerGetSyncStateData,
    {},
    { body: ['broker-a', 'nobody'] },
  )
  return body!.replicasInfoTable.get('broker-a')
}

test('Apache brokers: id, registration, election, in-sync set, failover, notification', async () => {
  const { address, server } = await start()
  const one = await apacheBroker(address)
  expect(one.brokerId).toBe(1)
  expect(one.registered).toMatchObject({ ...GROUP, body: { syncStateSet: [], syncStateSetEpoch: 0 } })
  expect(one.registered.masterBrokerId).toBeUndefined()
  expect(await one.elect()).toMatchObject({
    masterBrokerId: 1,
    masterAddress: '10.0.0.1:10911',
    masterEpoch: 1,
    syncStateSetEpoch: 1,
    body: { syncStateSet: [1] },
  })
  await expect(one.elect()).rejects.toMatchObject({ status: 'CONTROLLER_MASTER_STILL_EXIST' })

  const told: unknown[] = []
  const listening = new RemotingServer(nodeWorld(), {
    host: '127.0.0.1',
    port: 0,
    requests: { notifyBrokerRoleChanged: brokerRequests.notifyBrokerRoleChanged },
    handlers: {
      notifyBrokerRoleChanged: ({ masterBrokerId, masterEpoch }, { body }) => {
        told.push({ masterBrokerId, masterEpoch, set: body.syncStateSet })
        return {}
      },
    },
    services: {},
  })
  const { port } = await listening.start()
  undo.push(() => listening.close())
  const two = await apacheBroker(address, `127.0.0.1:${port}`)
  expect(two.registered).toMatchObject({ masterBrokerId: 1, masterEpoch: 1 })
  const alter = (over: object, set = [1, 2], syncStateSetEpoch = 1) =>
    one.broker.invoke(
      address,
      controllerRequests.controllerAlterSyncStateSet,
      { brokerName: 'broker-a', masterBrokerId: 1, masterEpoch: 1, ...over },
      { body: { syncStateSet: set, syncStateSetEpoch } },
    )
  await eventually(async () => (await syncStateData(address))!.notInSyncReplicas[0]?.alive === true)
  expect(await alter({})).toMatchObject({
    newSyncStateSetEpoch: 2,
    body: { syncStateSet: [1, 2], syncStateSetEpoch: 2 },
  })
  await expect(alter({ masterEpoch: 0 })).rejects.toMatchObject({ status: 'CONTROLLER_FENCED_MASTER_EPOCH' })
  await expect(alter({})).rejects.toMatchObject({ status: 'CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH' })
  await expect(alter({ stores: 'nonsense' })).rejects.toThrow(/"nonsense" is not brokerId:storeId:bootId/)

  await one.broker.close()
  await eventually(() =>
    told.some(notice => JSON.stringify(notice) === '{"masterBrokerId":2,"masterEpoch":2,"set":[2]}'),
  )
  const replica = await client().invoke(address, controllerRequests.controllerGetReplicaInfo, {
    brokerName: 'broker-a',
  })
  expect(replica).toMatchObject({
    masterBrokerId: 2,
    masterEpoch: 2,
    body: { syncStateSet: [2], syncStateSetEpoch: 3 },
  })
  const settled = await client().invoke(address, controllerRequests.controllerGetReplicaInfo, {
    brokerName: 'broker-a',
    settle: true,
  })
  expect(settled.body).toEqual({ syncStateSet: [2], syncStateSetEpoch: 4 })
  const metrics = await server.metrics.registry.metrics()
  expect(metrics).toMatch(/election_total\{election_result="new_master_elected".*\} 2/)
  expect(metrics).toMatch(/active_broker_num\{cluster="cluster",broker_set="broker-a".*\} 1/)
  expect(metrics).toMatch(/request_total\{request_type="CONTROLLER_ELECT_MASTER",request_handle_status="success"/)
  expect(metrics).toMatch(/group_condition\{broker_set="broker-a",reason="Degraded"/)
})

test('our brokers: the first record when all are here, its text in every answer, news over the connection', async () => {
  const { address } = await start()
  const members = [1, 2].map(brokerId => {
    const remoting = client()
    let processId = `p${brokerId}`
    let promisedRecord: string | undefined
    const told: number[] = []
    remoting.handle(brokerRequests.notifyBrokerRoleChanged, ({ masterEpoch }) => {
      told.push(masterEpoch!)
      return {}
    })
    const hello = () => ({
      ...GROUP,
      brokerId,
      storeId: `s${brokerId}`,
      bootId: 'b',
      processId,
      groupSize: 2,
      epoch: 0,
      maxOffset: 0,
      promisedRecord,
    })
    const beat = async (over: object = {}) => {
      const reply = await remoting.invoke(address, controllerRequests.brokerHeartbeat, {
        ...hello(),
        brokerAddr: `b${brokerId}:1`,
        ...over,
      })
      if (reply.formingRecord !== undefined && reply.formingRecord !== promisedRecord) {
        promisedRecord = reply.formingRecord
        processId = `${processId}+`
      }
      return reply
    }
    return { remoting, beat, told }
  })
  const [one, two] = members as [(typeof members)[0], (typeof members)[0]]
  expect(await one.beat()).toMatchObject({ remark: 'Heart beat success', record: undefined })
  let text: string | undefined
  await eventually(async () => {
    await two.beat()
    text = (await one.beat()).record
    return text !== undefined
  })
  const record = groupRecord.parse(text!)
  expect(record).toMatchObject({ masterBrokerId: 1, masterProcessId: 'p1+', masterEpoch: 1, syncStateSet: [1, 2] })
  await eventually(() => two.told.includes(1))
  await expect(two.beat({ processId: 'another' })).rejects.toMatchObject({
    status: 'CONTROLLER_BROKER_NEED_TO_BE_REGISTERED',
  })
  await two.beat({ heardMasterEpoch: 1 })
  await one.remoting.close()
  await new Promise(resolve => setTimeout(resolve, 200))
  expect(groupRecord.parse((await two.beat({ heardMasterEpoch: 1 })).record!).masterEpoch).toBe(1)
  await two.beat()
  await eventually(() => two.told.includes(2))
  const handedOver = two.remoting.invoke(address, controllerRequests.controllerElectMaster, {
    ...GROUP,
    handOverEpoch: 1,
  })
  await expect(handedOver).rejects.toMatchObject({ status: 'CONTROLLER_FENCED_MASTER_EPOCH' })
})

test('bad input is refused with the field and what is allowed', async () => {
  const { address } = await start()
  const remoting = client()
  const beat = (over: object) =>
    remoting.invoke(address, controllerRequests.brokerHeartbeat, { ...GROUP, brokerAddr: 'a:1', brokerId: 1, ...over })
  await expect(beat({ brokerId: undefined })).rejects.toMatchObject({ status: 'CONTROLLER_INVALID_REQUEST' })
  await expect(beat({ brokerName: '' })).rejects.toThrow(/brokerName: is empty/)
  await expect(beat({ storeId: 's' })).rejects.toThrow(/processId: is required beside storeId/)
  await expect(beat({ storeId: 's', processId: 'p', groupSize: 0 })).rejects.toThrow(
    /groupSize: 0 is not from 1 to 100/,
  )
  await expect(beat({ storeId: 's', processId: 'p', seenRecord: '{"recordId":1}' })).rejects.toThrow(/seenRecord/)
  await expect(remoting.invoke(address, controllerRequests.controllerElectMaster, { ...GROUP })).rejects.toThrow(
    /brokerId: is required/,
  )
  await expect(
    remoting.invoke(address, controllerRequests.controllerGetReplicaInfo, { brokerName: 'x' }),
  ).rejects.toMatchObject({ status: 'CONTROLLER_BROKER_METADATA_NOT_EXIST' })
  const clean = remoting.invoke(address, controllerRequests.cleanBrokerData, {
    ...GROUP,
    brokerControllerIdsToClean: '1;two',
  })
  await expect(clean).rejects.toMatchObject({ status: 'CONTROLLER_INVALID_CLEAN_BROKER_METADATA' })
})

test('a record store that is away: words, not ready, and back again', async () => {
  const store = new MemoryRecordStore()
  let away = true
  const read = store.read.bind(store)
  store.read = async name => {
    if (away) throw new RecordStoreError('none', 'no connection')
    return read(name)
  }
  const list = store.list.bind(store)
  store.list = async () => {
    await store.read('x')
    return list()
  }
  const { address, server } = await start({ store, conf: 'recordTimeoutMs=100' })
  await eventually(() => server.controller.storeError === 'no connection')
  const remoting = client()
  await expect(remoting.invoke(address, controllerRequests.controllerGetNextBrokerId, GROUP)).rejects.toThrow(
    /the record store failed, nothing was changed: no connection/,
  )
  away = false
  await eventually(() => server.controller.storeError === undefined)
  expect((await remoting.invoke(address, controllerRequests.controllerGetNextBrokerId, GROUP)).nextBrokerId).toBe(1)
})

test('configuration: shown, changed, saved, refused', async () => {
  const { address, directory } = await start()
  const remoting = client()
  const update = (body: string) => remoting.invoke(address, controllerRequests.updateControllerConfig, {}, { body })
  expect(await update('enableElectUncleanMaster=true\nelectionGraceMs=10')).toMatchObject({ status: 'SUCCESS' })
  expect((await update('listenPort=1')).remark).toBe('listenPort will take effect after a restart')
  const shown = (await remoting.invoke(address, controllerRequests.getControllerConfig, {})).body!
  expect(shown).toMatch(/^enableElectUncleanMaster=true$/m)
  expect(readFileSync(join(directory, 'controller.conf'), 'utf8')).toMatch(/^electionGraceMs=10$/m)
  await expect(update('configStorePath=/x')).rejects.toMatchObject({ status: 'NO_PERMISSION' })
  await expect(update('electionGraceMs=soon\nnonsense=1')).rejects.toThrow(
    /electionGraceMs: "soon" is not a whole number; allowed is a whole number from 0[\s\S]*nonsense: there is no such key/,
  )
  const metadata = await remoting.invoke(address, controllerRequests.controllerGetMetadataInfo, {})
  expect(metadata).toMatchObject({
    group: 'rocketcluster',
    controllerLeaderId: 'n0',
    controllerLeaderAddress: address,
    isLeader: true,
    peers: `n0:${address}`,
  })
})
