#!/usr/bin/env node
/**
 * The broker process: `main.ts -c broker.conf [-n host:port;host:port] [-p]`, options as Apache's mqbroker has them.
 * It prints nothing on standard output (but the configuration, with -p) and logs to standard error.
 */
import { readFileSync } from 'node:fs'
import { homedir, hostname, totalmem } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type BrokerConfig, brokerConfig } from '@rocketcluster/config'
import type { TlsServerOptions } from '@rocketcluster/world'
import { localAddress, machineBootId, nodeLog, nodeWorld, runProcess, serveHttp } from '@rocketcluster/world/node'
import { ControlledBroker } from './controlled-broker.ts'
import { metricsRegistry } from './metrics.ts'
import { ResyncingBroker } from './resyncing-broker.ts'

const USAGE = `usage: broker [-c broker.conf] [-n host:port;host:port] [-p]

  -c FILE   configuration, RocketMQ's broker.conf
  -n LIST   name servers; wins over namesrvAddr in the file
  -p        print the configuration that would be in force, and exit`

await runProcess(async () => {
  const { values } = parseArgs({
    options: {
      configFile: { type: 'string', short: 'c' },
      namesrvAddr: { type: 'string', short: 'n' },
      printConfigItem: { type: 'boolean', short: 'p' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(`${USAGE}\n`)
    return undefined
  }
  const path = values.configFile === undefined ? undefined : resolve(values.configFile)
  const { config, warnings } = brokerConfig.parse(
    path === undefined ? '' : readFileSync(path, 'utf8'),
    { namesrvAddr: values.namesrvAddr },
    machine(path),
  )
  if (values.printConfigItem) {
    process.stdout.write(brokerConfig.print(config))
    return undefined
  }
  const log = nodeLog({ level: config.logLevel, name: `broker ${config.brokerName}` })
  for (const warning of warnings) log.warn({}, warning)
  const world = nodeWorld({ log })
  const options = { config, tls: tlsOf(config), physicalMemoryBytes: memoryBytes() }
  const broker = config.enableControllerMode
    ? await ControlledBroker.start(world, { ...options, machineBootId: machineBootId() })
    : await ResyncingBroker.start(world, options)
  let metrics = { broker: broker.current, registry: metricsRegistry(broker.current.services) }
  const registry = () => {
    if (metrics.broker !== broker.current)
      metrics = { broker: broker.current, registry: metricsRegistry(broker.current.services) }
    return metrics.registry
  }
  const http =
    config.metricsExporterType === 'DISABLE'
      ? undefined
      : await serveHttp({
          host: config.metricsPromExporterHost || config.bindAddress,
          port: config.metricsPromExporterPort,
          routes: {
            '/livez': async () =>
              broker.current.deadReason === undefined
                ? { status: 200, body: 'ok\n' }
                : { status: 503, body: `only a restart helps: ${broker.current.deadReason}\n` },
            '/readyz': async () =>
              broker.ready
                ? { status: 200, body: 'ok\n' }
                : { status: 503, body: 'not every name server has this broker yet\n' },
            '/metrics': async () => {
              const { contentType } = registry()
              return { status: 200, contentType, body: await registry().metrics() }
            },
          },
        })
  return {
    async stop() {
      await broker.stop()
      await http?.close()
    },
  }
})

/** What only this machine can say; the file wins over it. */
function machine(configFile: string | undefined) {
  return {
    brokerName: hostname(),
    namesrvAddr: process.env.NAMESRV_ADDR,
    brokerIP1: localAddress(),
    storePathRootDir: `${homedir()}/store`,
    brokerConfigPath: configFile,
  }
}

/** Throws when a file cannot be read: a broker that was told to encrypt must not start without. */
function tlsOf(config: BrokerConfig): TlsServerOptions {
  const read = (path: string) => (path === '' ? undefined : readFileSync(path, 'utf8'))
  const certificate = read(config.tlsServerCertPath)
  return {
    mode: certificate === undefined ? 'disabled' : config.tlsServerMode,
    certificate,
    key: read(config.tlsServerKeyPath),
    keyPassphrase: config.tlsServerKeyPassword || undefined,
    trustedCertificates: read(config.tlsServerTrustCertPath),
    clientAuthentication: config.tlsServerNeedClientAuth,
  }
}

/** A container's limit counts, not the machine's memory. */
function memoryBytes(): number {
  const limit = process.constrainedMemory()
  return limit > 0 && limit < totalmem() ? limit : totalmem()
}
