/** The process: `node nameserver/src/main.ts -c namesrv.conf`. Standard output says where it listens; the log goes to standard error. */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { type NamesrvConfig, namesrvConfig } from '@rocketcluster/config'
import { printHost } from '@rocketcluster/protocol'
import type { Log } from '@rocketcluster/world'
import { nodeDisk, nodeLog, nodeWorld, type Running, runProcess, serveHttp } from '@rocketcluster/world/node'
import { collectDefaultMetrics } from 'prom-client'
import { loadConfig, parseCommandLine, USAGE } from './command-line.ts'
import { Nameserver } from './nameserver.ts'
import { tlsOptions } from './tls.ts'

async function start(args: readonly string[]): Promise<Running | undefined> {
  const commandLine = parseCommandLine(args)
  if (commandLine.mode === 'help') {
    process.stdout.write(`${USAGE}\n`)
    return undefined
  }
  const { config, warnings } = await loadConfig(nodeDisk, commandLine, { home: homedir(), directory: process.cwd() })
  if (commandLine.mode === 'print') {
    process.stdout.write(namesrvConfig.print(config))
    return undefined
  }
  const log = nodeLog({ level: config.logLevel, name: 'namesrv' })
  for (const warning of warnings) log.warn({}, warning)
  return serve(config, log)
}

async function serve(config: NamesrvConfig, log: Log): Promise<Running> {
  const world = nodeWorld({ log })
  const nameserver = await Nameserver.start(world, {
    config,
    tls: await tlsOptions(world.disk, config),
    // pino's level may be set at any time; the Log port has no need of it.
    onConfigChange: ({ logLevel }) => Object.assign(log, { level: logLevel }),
  })
  const { registry } = nameserver.metrics
  collectDefaultMetrics({ register: registry })
  const http = await serveHttp({
    host: config.metricsPromExporterHost,
    port: config.metricsPromExporterPort,
    routes: {
      '/livez': () => ({ status: 200, body: 'ok\n' }),
      '/readyz': () => {
        const missing = nameserver.waitingFor()
        if (missing.length === 0) return { status: 200, body: 'ok\n' }
        return { status: 503, body: `waiting for brokers to register: ${missing.join(', ')}\n` }
      },
      '/metrics': async () => ({ status: 200, body: await registry.metrics(), contentType: registry.contentType }),
    },
  }).catch(async error => {
    await nameserver.stop()
    throw error
  })

  const listening = printHost({ address: nameserver.host, port: nameserver.port })
  const metrics = printHost({ address: http.host, port: http.port })
  log.info({ listening, metrics }, 'the name server serves')
  process.stdout.write(`${JSON.stringify({ listening, metrics })}\n`)
  return {
    async stop() {
      log.info({}, 'stopping')
      await nameserver.stop()
      await http.close()
      log.info({}, 'stopped')
    },
  }
}

enableCompileCache()
await runProcess(() => start(process.argv.slice(2)))
