/**
 * Records protocol/captures/apache-<version>-*.bin: bytes between Apache's client, mqadmin, broker and name server.
 * Run with `node e2e/src/capture.ts`; needs Java and Maven. Each file is one frame, its length word included.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  compileJava,
  freeBrokerPort,
  freePort,
  installApache,
  runJava,
  SERVER_VERSION,
  startBroker,
  startNameServer,
} from './apache/index.ts'
import { ask } from './ask.ts'
import { type Exchange, RecordingProxy, readFrame } from './recording-proxy.ts'

const here = dirname(fileURLToPath(import.meta.url))
const CAPTURES = join(here, '../../protocol/captures')
/** UNIQ_KEYs count from the start of the local month. */
const UTC = ['-Duser.timezone=UTC']
const PREFIX = `apache-${SERVER_VERSION}`

/** Largest frame that is kept: the files are for reading, not for weight. */
const MAX_FRAME_BYTES = 96 * 1024

/** Requests whose frames are kept, by code (RequestCode.java). */
const WANTED: Readonly<Record<number, string>> = {
  11: 'pull-message',
  12: 'query-message',
  14: 'query-consumer-offset',
  15: 'update-consumer-offset',
  17: 'update-and-create-topic',
  21: 'get-all-topic-config',
  29: 'search-offset-by-timestamp',
  30: 'get-max-offset',
  31: 'get-min-offset',
  32: 'get-earliest-msg-storetime',
  33: 'view-message-by-id',
  34: 'heart-beat',
  35: 'unregister-client',
  36: 'consumer-send-msg-back',
  38: 'get-consumer-list-by-group',
  40: 'notify-consumer-ids-changed',
  41: 'lock-batch-mq',
  42: 'unlock-batch-mq',
  103: 'register-broker',
  104: 'unregister-broker',
  105: 'get-routeinfo-by-topic',
  106: 'get-broker-cluster-info',
  200: 'update-and-create-subscriptiongroup',
  201: 'get-all-subscriptiongroup-config',
  202: 'get-topic-stats-info',
  203: 'get-consumer-connection-list',
  204: 'get-producer-connection-list',
  206: 'get-all-topic-list-from-nameserver',
  208: 'get-consume-stats',
  220: 'reset-consumer-client-offset',
  221: 'get-consumer-status-from-client',
  222: 'invoke-broker-to-reset-offset',
  223: 'invoke-broker-to-get-consumer-status',
  300: 'query-topic-consume-by-who',
  303: 'query-consume-time-span',
  307: 'get-consumer-running-info',
  309: 'consume-message-directly',
  310: 'send-message-v2',
  315: 'view-broker-stats-data',
  317: 'get-broker-consume-stats',
  320: 'send-batch-message',
  321: 'query-consume-queue',
  325: 'get-subscriptiongroup-config',
  328: 'get-all-producer-info',
  343: 'get-topic-config-2',
  351: 'get-topic-config',
  352: 'get-subscriptiongroup-config',
  400: 'query-assignment',
  401: 'set-message-request-mode',
  904: 'broker-heartbeat',
  907: 'get-broker-ha-status',
}

function bodySize(exchange: Exchange): number {
  return exchange.request.body.length + (exchange.response?.body.length ?? 0)
}

/** The best example of each code: answered with SUCCESS, with a body, and small. */
function choose(exchanges: readonly Exchange[]): Map<number, Exchange> {
  const chosen = new Map<number, Exchange>()
  const rank = (exchange: Exchange) => {
    const { response } = exchange
    if (bodySize(exchange) > MAX_FRAME_BYTES) return -1
    return (response?.code === 0 ? 2 : 0) + ((response?.body.length ?? 0) > 0 ? 1 : 0)
  }
  for (const exchange of exchanges) {
    const { code } = exchange.request
    const best = chosen.get(code)
    if (rank(exchange) >= 0 && (best === undefined || rank(exchange) > rank(best))) chosen.set(code, exchange)
  }
  return chosen
}

async function save(name: string, exchange: Exchange): Promise<void> {
  await writeFile(join(CAPTURES, `${PREFIX}-${name}-request.bin`), exchange.request.bytes)
  if (exchange.response) await writeFile(join(CAPTURES, `${PREFIX}-${name}-response.bin`), exchange.response.bytes)
}

async function main(): Promise<void> {
  const installation = await installApache()
  const classPath = await compileJava(join(here, '../java/CaptureClient.java'), installation)
  const work = await mkdtemp(join(tmpdir(), 'capture-'))
  const nameServer = await startNameServer({ installation, dataDir: join(work, 'namesrv') })
  const nameProxy = new RecordingProxy({ host: '127.0.0.1', port: nameServer.port })
  const nameProxyPort = await nameProxy.listen('127.0.0.1', await freePort())
  const nameServers = [`127.0.0.1:${nameProxyPort}`]

  // The broker listens on 127.0.0.1 and tells everybody 127.0.0.2, where the proxy stands with the same port.
  const port = await freeBrokerPort()
  const brokerProxy = new RecordingProxy({ host: '127.0.0.1', port })
  await brokerProxy.listen('127.0.0.2', port)
  const conf = { bindAddress: '127.0.0.1', brokerIP1: '127.0.0.2', brokerIP2: '127.0.0.2' }
  const dataDir = join(work, 'broker-a')
  const broker = await startBroker({ installation, nameServers, port, dataDir, conf })
  const plain = choose(nameProxy.exchanges).get(103)
  const compressing = await startBroker({
    installation,
    nameServers,
    dataDir: join(work, 'broker-b'),
    conf: { ...conf, bindAddress: '0.0.0.0', brokerName: 'broker-b', compressedRegister: true },
    waitForRegistration: false,
  })
  // The header of 5.5.0 says compressed=false all the same, and its own name server refuses what follows.
  const compressed = nameProxy.exchanges.findLast(({ request }) => request.code === 103 && request.body[0] === 0x78)
  await compressing.stop()

  try {
    const args = [nameServers[0]!, `127.0.0.2:${port}`]
    console.log(await runJava('CaptureClient', args, { classPath, timeoutMs: 120_000, jvmFlags: UTC }))
    const chosen = choose([...nameProxy.exchanges, ...brokerProxy.exchanges])
    const firstBinary = brokerProxy.exchanges.length
    const jvmFlags = [...UTC, '-Drocketmq.serialize.type=ROCKETMQ']
    const printed = await runJava('CaptureClient', args, { classPath, timeoutMs: 120_000, jvmFlags })
    console.log(printed.includes('failed') ? printed : 'binary headers: ok')
    const binary = choose(
      brokerProxy.exchanges.slice(firstBinary).filter(({ request }) => request.serialize === 'ROCKETMQ'),
    )

    for (const file of await readdir(CAPTURES))
      if (file.startsWith(PREFIX) && file.endsWith('.bin')) await rm(join(CAPTURES, file))
    if (plain) chosen.set(103, plain)
    for (const [code, exchange] of chosen) if (WANTED[code]) await save(WANTED[code], exchange)
    if (compressed) await save('register-broker-compressed', compressed)
    for (const code of [310, 320, 11, 34]) {
      const exchange = binary.get(code)
      if (exchange) await save(`binary-header-${WANTED[code]}`, exchange)
    }
    for (const type of ['ZLIB', 'LZ4', 'ZSTD']) {
      const sent = brokerProxy.exchanges.find(
        ({ request }) => request.code === 310 && request.bytes.includes(`compressed${type}`),
      )
      if (sent) await save(`send-message-v2-${type.toLowerCase()}`, sent)
    }
    // Clients before 4.9.4 are given fastjson's own dialect: version 395 is 4.9.1.
    const extFields = { topic: 'CaptureTopic' }
    const header = { code: 105, extFields, flag: 0, language: 'JAVA', opaque: 1, version: 395 }
    const old = await ask({ host: '127.0.0.1', port: nameServer.port }, header)
    await save('get-routeinfo-by-topic-old-client', {
      request: readFrame(old.request),
      response: readFrame(old.response),
    })
    for (const file of ['topics', 'consumerOffset', 'subscriptionGroup', 'delayOffset']) {
      const text = await readFile(join(dataDir, 'store', 'config', `${file}.json`))
      await writeFile(join(CAPTURES, `${PREFIX}-config-${file}.json`), text)
    }
    const seen = new Set([...nameProxy.exchanges, ...brokerProxy.exchanges].map(({ request }) => request.code))
    console.log('codes seen:', [...seen].sort((a, b) => a - b).join(' '))
    console.log(
      'codes wanted and not seen:',
      Object.keys(WANTED)
        .filter(code => !seen.has(Number(code)))
        .join(' '),
    )
  } finally {
    await broker.stop()
    await nameServer.stop()
    nameProxy.close()
    brokerProxy.close()
    await rm(work, { recursive: true, force: true })
  }
}

await main()
