import * as because from './reasons.ts'
import { bool, int, oneOf, port, text } from './setting.ts'

/** Keys that broker.conf and namesrv.conf have in common: NettyServerConfig.java. */
export const serverSettings = {
  serverChannelMaxIdleTimeSeconds: int({
    default: 120,
    min: 1,
    unit: 's',
    about: 'A connection that is silent for so long is closed.',
  }),
  writeBufferHighWaterMark: int({
    default: 8 * 1024 * 1024,
    min: 64 * 1024,
    unit: 'bytes',
    apache: '0 (no limit)',
    because: 'A client that stops reading must not make the server grow.',
    about: 'What may wait to be sent on one connection; beyond it the connection is not read until it drains.',
  }),
  serverSocketBacklog: int({
    default: 1024,
    min: 1,
    inert: because.NO_JVM,
    about: 'Connections that may wait to be accepted.',
  }),
  enableShutdownGracefully: bool({
    default: true,
    apache: 'false',
    because: 'A planned stop is then not an error for clients that know GO_AWAY.',
    about: 'Answer GO_AWAY while stopping, so that clients reconnect elsewhere.',
  }),
  shutdownWaitTimeSeconds: int({
    default: 2,
    max: 30,
    unit: 's',
    apache: '30',
    because: 'Processes are given ten seconds to stop before they are killed.',
    about: 'Longest wait for requests under way when stopping.',
  }),
} as const

/** The keys of /etc/rocketmq/tls.properties (TlsSystemConfig.java); here they stand in the same file as all others. */
export const tlsSettings = {
  tlsServerMode: oneOf(['disabled', 'permissive', 'enforcing'], {
    key: 'tls.server.mode',
    default: 'permissive',
    about: 'permissive serves TLS and plain clients on the same port; TLS needs a certificate.',
  }),
  tlsServerCertPath: text({ key: 'tls.server.certPath', default: '', about: 'PEM file of the certificate chain.' }),
  tlsServerKeyPath: text({ key: 'tls.server.keyPath', default: '', about: 'PEM file of the private key.' }),
  tlsServerKeyPassword: text({
    key: 'tls.server.keyPassword',
    default: '',
    secret: true,
    about: 'Pass phrase of the private key.',
  }),
  tlsServerTrustCertPath: text({
    key: 'tls.server.trustCertPath',
    default: '',
    about: 'PEM file of the authorities that client certificates must come from.',
  }),
  tlsServerNeedClientAuth: oneOf(['none', 'optional', 'require'], {
    key: 'tls.server.need.client.auth',
    default: 'none',
    about: 'Whether clients must show a certificate.',
  }),
  tlsTestModeEnable: bool({
    key: 'tls.test.mode.enable',
    default: false,
    apache: 'true',
    because: 'A certificate that nobody can check protects nobody; plain clients are served all the same.',
    notYet: 'a self-signed certificate made at start, which this implementation does not make',
    about: 'Serve TLS with a self-signed certificate.',
  }),
} as const

/** `/livez`, `/readyz` and `/metrics`. */
export function httpSettings(defaultPort: number) {
  return {
    metricsPromExporterPort: port({
      default: defaultPort,
      about: 'HTTP port of /metrics, /livez and /readyz. 0 takes any free port.',
    }),
    metricsPromExporterHost: text({
      default: '',
      defaultText: 'bindAddress',
      about: 'Address that this HTTP port listens on.',
    }),
  } as const
}

export const logSettings = {
  logLevel: oneOf(['debug', 'info', 'warn', 'error'], {
    default: 'info',
    ours: true,
    about: 'What is written to the log.',
    live: true,
  }),
} as const
