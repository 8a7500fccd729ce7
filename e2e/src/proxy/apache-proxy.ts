/** Apache's proxy in cluster mode: what the 5.x (gRPC) clients talk to, and what talks to brokers in their place. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Installation, installArtifacts, SERVER_VERSION } from '../apache/install.ts'
import { jvmFlags, LOGBACK } from '../apache/jvm.ts'
import { freePort } from '../apache/ports.ts'
import { start } from '../apache/process.ts'
import { newDirectory } from '../rocketcluster.ts'
import type { Scope } from '../runner/suite.ts'

export interface ApacheProxy {
  /** `host:port` for gRPC clients. */
  readonly endpoints: string
  readonly logFile: string
}

export function installProxy(version = SERVER_VERSION): Promise<Installation> {
  const artifact = `org.apache.rocketmq:rocketmq-proxy:${version}`
  return installArtifacts(`apache-rocketmq-proxy-${version}`, version, [artifact])
}

/** Starts it beside the brokers of a name server; ready when gRPC is served. */
export async function startProxy(
  scope: Scope,
  { nameServer, clusterName = 'DefaultCluster' }: { nameServer: string; clusterName?: string },
): Promise<ApacheProxy> {
  const installation = await installProxy()
  const dataDir = await newDirectory('apache-proxy')
  const [port, remotingPort] = [await freePort(), await freePort()]
  const home = join(dataDir, 'home')
  await mkdir(join(home, 'conf'), { recursive: true })
  const confFile = join(home, 'conf', 'rmq-proxy.json')
  const logback = join(home, 'conf', 'logback.xml')
  const conf = {
    rocketMQClusterName: clusterName,
    namesrvAddr: nameServer,
    proxyMode: 'cluster',
    grpcServerPort: port,
    remotingListenPort: remotingPort,
    localServeAddr: '127.0.0.1',
    enablePrintJstack: false,
    // Short, so that a test waits for seconds where an application would for minutes.
    minInvisibleTimeMillsForRecv: 1000,
    grpcClientConsumerMinLongPollingTimeoutMillis: 1000,
    transactionHeartbeatPeriodSecond: 1,
  }
  await writeFile(confFile, JSON.stringify(conf))
  await writeFile(logback, LOGBACK)
  const process = await start({
    command: 'java',
    args: [
      ...jvmFlags({ min: '128m', max: '384m' }),
      `-Drmq.logback.configurationFile=${logback}`,
      `-Drocketmq.client.logRoot=${dataDir}`,
      `-Duser.home=${dataDir}`,
      '-cp',
      installation.classPath,
      'org.apache.rocketmq.proxy.ProxyStartup',
      '-pc',
      confFile,
    ],
    env: { RMQ_PROXY_HOME: home, ROCKETMQ_HOME: home },
    address: `127.0.0.1:${port}`,
    port,
    dataDir,
    logFile: join(dataDir, 'proxy.log'),
    readyText: 'rocketmq-proxy startup successfully',
    readyTimeoutMs: 120_000,
  })
  scope.defer(() => process.kill())
  return { endpoints: process.address, logFile: process.logFile }
}
