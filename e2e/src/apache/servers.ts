import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ask } from '../ask.ts'
import { type Installation, installApache } from './install.ts'
import { type Heap, jvmFlags, LOGBACK, SILENT_LOGBACK, SMALL_HEAP } from './jvm.ts'
import { freeBrokerPort, freePort } from './ports.ts'
import { type ApacheProcess, start } from './process.ts'

const run = promisify(execFile)

/** Keys of namesrv.conf or broker.conf. */
export type Conf = Readonly<Record<string, string | number | boolean>>

export interface ServerOptions {
  /** Fetched when not given. */
  readonly installation?: Installation
  /** Made below the system's temporary directory when not given. Nobody deletes it. */
  readonly dataDir?: string
  /** A free one when not given. */
  readonly port?: number
  readonly conf?: Conf
  readonly heap?: Heap
  /** Further flags of the JVM, such as `-Drocketmq.serialize.type=ROCKETMQ`. */
  readonly jvmFlags?: readonly string[]
  readonly readyTimeoutMs?: number
}

export interface BrokerOptions extends ServerOptions {
  /** `host:port` of each name server. */
  readonly nameServers: readonly string[]
  /** Whether every name server has to know the broker before it counts as started; true unless told otherwise. */
  readonly waitForRegistration?: boolean
}

/** GET_BROKER_CLUSTER_INFO until the answer names the broker's address. */
async function registered(nameServer: string, address: string): Promise<void> {
  const [host, port] = nameServer.split(':')
  const header = { code: 106, flag: 0, language: 'JAVA', opaque: 1, version: 513 }
  const deadline = Date.now() + 30_000
  for (;;) {
    const answer = await ask({ host: host!, port: Number(port) }, header).catch(() => undefined)
    if (answer?.response.includes(`"${address}"`)) return
    if (Date.now() > deadline) throw new Error(`broker ${address} did not register with ${nameServer} within 30 s`)
    await sleep(50)
  }
}

const printConf = (conf: Conf) =>
  Object.entries(conf)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')

interface Prepared {
  readonly dataDir: string
  readonly confFile: string
  readonly env: Record<string, string>
  readonly flags: string[]
}

/** Everything a process writes stays below `dataDir`: its home, its logs, its ROCKETMQ_HOME. */
async function prepare(
  name: string,
  options: ServerOptions,
  installation: Installation,
  conf: Conf,
): Promise<Prepared> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), `apache-${name}-`)))
  const home = join(dataDir, 'home')
  await mkdir(join(home, 'conf'), { recursive: true })
  const confFile = join(home, 'conf', `${name}.conf`)
  const logback = join(home, 'conf', 'logback.xml')
  await writeFile(confFile, printConf(conf))
  await writeFile(logback, LOGBACK)
  return {
    dataDir,
    confFile,
    env: { ROCKETMQ_HOME: home },
    flags: [
      ...jvmFlags(options.heap ?? SMALL_HEAP),
      `-Drmq.logback.configurationFile=${logback}`,
      `-Duser.home=${dataDir}`,
      ...(options.jvmFlags ?? []),
      '-cp',
      installation.classPath,
    ],
  }
}

/** Starts Apache's name server and waits until it serves. */
export async function startNameServer(options: ServerOptions = {}): Promise<ApacheProcess> {
  const installation = options.installation ?? (await installApache())
  const port = options.port ?? (await freePort())
  const { dataDir, confFile, env, flags } = await prepare('namesrv', options, installation, {
    listenPort: port,
    ...options.conf,
  })
  return start({
    command: 'java',
    args: [...flags, 'org.apache.rocketmq.namesrv.NamesrvStartup', '-c', confFile],
    env,
    address: `127.0.0.1:${port}`,
    port,
    dataDir,
    logFile: join(dataDir, 'namesrv.log'),
    readyText: 'The Name Server boot success',
    readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
  })
}

/**
 * Starts Apache's broker and waits until it serves and has registered. Without further conf it is the master of
 * `broker-a` in `DefaultCluster` on 127.0.0.1; it also listens on `port - 2` and `port + 1`.
 */
export async function startBroker(options: BrokerOptions): Promise<ApacheProcess> {
  const installation = options.installation ?? (await installApache())
  const port = options.port ?? (await freeBrokerPort())
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'apache-broker-')))
  const { confFile, env, flags } = await prepare('broker', { ...options, dataDir }, installation, {
    brokerClusterName: 'DefaultCluster',
    brokerName: 'broker-a',
    brokerId: 0,
    brokerIP1: '127.0.0.1',
    listenPort: port,
    haListenPort: port + 1,
    namesrvAddr: options.nameServers.join(';'),
    storePathRootDir: join(dataDir, 'store'),
    storePathCommitLog: join(dataDir, 'store', 'commitlog'),
    ...options.conf,
  })
  const ip = options.conf?.brokerIP1 ?? '127.0.0.1'
  const broker = await start({
    command: 'java',
    args: [...flags, 'org.apache.rocketmq.broker.BrokerStartup', '-c', confFile],
    env,
    address: `127.0.0.1:${port}`,
    port,
    dataDir,
    logFile: join(dataDir, 'broker.log'),
    readyText: 'boot success',
    readyTimeoutMs: options.readyTimeoutMs ?? 90_000,
  })
  if (options.waitForRegistration ?? true) {
    try {
      await Promise.all(options.nameServers.map(nameServer => registered(nameServer, `${ip}:${port}`)))
    } catch (error) {
      await broker.kill()
      throw error
    }
  }
  return broker
}

export interface ToolOptions {
  readonly installation?: Installation
  readonly jvmFlags?: readonly string[]
  readonly timeoutMs?: number
}

/** Runs mqadmin, such as `['clusterList', '-n', '127.0.0.1:9876']`, and returns what it printed. */
export async function runTool(args: readonly string[], options: ToolOptions = {}): Promise<string> {
  const installation = options.installation ?? (await installApache())
  return runJava('org.apache.rocketmq.tools.command.MQAdminStartup', args, {
    ...options,
    classPath: installation.classPath,
  })
}

/** Runs a Java program to its end and returns what it printed; rejects with its output when it fails. */
export async function runJava(
  mainClass: string,
  args: readonly string[],
  options: { classPath: string; jvmFlags?: readonly string[]; timeoutMs?: number },
): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'apache-tool-'))
  const logback = join(home, 'logback.xml')
  await writeFile(logback, SILENT_LOGBACK)
  const flags = [
    '-Xmx512m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '--add-opens=java.base/java.nio=ALL-UNNAMED',
    '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
    `-Drmq.logback.configurationFile=${logback}`,
    `-Drocketmq.client.logRoot=${home}`,
    `-Duser.home=${home}`,
    ...(options.jvmFlags ?? []),
  ]
  try {
    const { stdout } = await run('java', [...flags, '-cp', options.classPath, mainClass, ...args], {
      env: { ...process.env, ROCKETMQ_HOME: home },
      timeout: options.timeoutMs ?? 60_000,
      maxBuffer: 64 << 20,
    })
    return stdout
  } catch (cause) {
    const { stdout = '', stderr = '', message } = cause as { stdout?: string; stderr?: string; message: string }
    throw new Error(`${mainClass} ${args.join(' ')} failed: ${(stdout + stderr).slice(-3000) || message}`, { cause })
  }
}
