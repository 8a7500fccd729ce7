/** The process: `node controller/src/main.ts -c controller.conf`. Standard output says where it listens; the log goes to standard error. */

import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { type ControllerConfig, controllerConfig } from '@rocketcluster/config'
import { printHost } from '@rocketcluster/protocol'
import type { Log } from '@rocketcluster/world'
import { nodeDisk, nodeLog, nodeWorld, type Running, runProcess, serveHttp } from '@rocketcluster/world/node'
import { collectDefaultMetrics } from 'prom-client'
import { loadConfig, parseCommandLine, USAGE } from './command-line.ts'
import { ControllerServer } from './controller-server.ts'
import { FileRecordStore } from './record-store/file-record-store.ts'

async function start(args: readonly string[]): Promise<Running | undefined> {
  const commandLine = parseCommandLine(args)
  if (commandLine.mode === 'help') {
    process.stdout.write(`${USAGE}\n`)
    return undefined
  }
  const { config, warnings } = await loadConfig(nodeDisk, commandLine, { home: homedir(), directory: process.cwd() })
  if (commandLine.mode === 'print') {
    process.stdout.write(controllerConfig.print(config))
    return undefined
  }
  const log = nodeLog({ level: config.logLevel, name: 'controller' })
  for (const warning of warnings) log.warn({}, warning)
  return serve(config, log)
}

async function serve(config: ControllerConfig, log: Log): Promise<Running> {
  const world = nodeWorld({ log })
  const server = await ControllerServer.start(world, {
    config,
    store: new FileRecordStore(world, config.controllerStorePath),
    // pino's level may be set at any time; the Log port has no need of it.
    onConfigChange: ({ logLevel }) => Object.assign(log, { level: logLevel }),
  })
  const { registry } = server.metrics
  collectDefaultMetrics({ register: registry })
  const http = await serveHttp({
    host: config.metricsPromExporterHost,
    port: config.metricsPromExporterPort,
    routes: {
      '/livez': () => ({ status: 200, body: 'ok\n' }),
      '/readyz': () => {
        const why = server.controller.storeError
        return why === undefined ? { status: 200, body: 'ok\n' } : { status: 503, body: `${why}\n` }
      },
      '/metrics': async () => ({ status: 200, body: await registry.metrics(), contentType: registry.contentType }),
    },
  }).catch(async error => {
    await server.stop()
    throw error
  })

  const listening = printHost({ address: server.host, port: server.port })
  const metrics = printHost({ address: http.host, port: http.port })
  log.info({ listening, metrics, records: config.controllerStorePath }, 'the controller serves')
  process.stdout.write(`${JSON.stringify({ listening, metrics })}\n`)
  return {
    async stop() {
      log.info({}, 'stopping')
      await server.stop()
      await http.close()
      log.info({}, 'stopped')
    },
  }
}

enableCompileCache()
await runProcess(() => start(process.argv.slice(2)))
