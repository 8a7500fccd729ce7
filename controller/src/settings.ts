import { parseJavaProperties, printJavaProperties } from '@rocketcluster/protocol'

/** The configuration cannot be used; the message says all that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** A key that no request may change. */
export class ForbiddenKeyError extends Error {
  override readonly name = 'ForbiddenKeyError'
}

interface Setting<T> {
  readonly value: T
  /** Throws with what is allowed. */
  readonly parse: (text: string) => T
  /** Whether a change while it runs comes into force at once; the others need a restart. */
  readonly live?: boolean
}

const text = (value: string): Setting<string> => ({ value, parse: given => given })

function whole(value: number, min: number, max: number, { live = false } = {}): Setting<number> {
  return {
    value,
    live,
    parse(given) {
      const number = /^-?\d{1,15}$/.test(given.trim()) ? Number(given) : Number.NaN
      if (number >= min && number <= max) return number
      throw new Error(`a whole number from ${min} to ${max} is allowed`)
    },
  }
}

function bool(value: boolean): Setting<boolean> {
  return {
    value,
    live: true,
    parse(given) {
      if (given === 'true' || given === 'false') return given === 'true'
      throw new Error('true or false is allowed')
    },
  }
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
const level: Setting<(typeof LEVELS)[number]> = {
  value: 'info',
  live: true,
  parse(given) {
    const found = LEVELS.find(name => name === given)
    if (found) return found
    throw new Error(`${LEVELS.join(', ')} is allowed`)
  },
}

/** All keys of controller.conf. Names and defaults that Apache's controller has are those of ControllerConfig.java and NettyServerConfig.java. */
export const settings = {
  bindAddress: text('0.0.0.0'),
  /** Apache's default (ControllerStartup.java). */
  listenPort: whole(19876, 0, 65535),
  /** What brokers and tools are told to ask; empty for the address over which they came. */
  advertisedAddress: text(''),
  /** Where the records are: a directory that all controllers of the machine share. */
  controllerStorePath: text(''),
  configStorePath: text(''),
  configBlackList: text('configBlackList;configStorePath'),
  /** How `getControllerMetaData` names the controllers together, and this one. */
  controllerDLegerGroup: text('rocketcluster'),
  controllerDLegerSelfId: text('n0'),
  enableElectUncleanMaster: bool(false),
  notifyBrokerRoleChanged: bool(true),
  /** Milliseconds. Apache's is 5000; a closed connection is noticed without any scan. */
  scanNotActiveBrokerInterval: whole(500, 50, 60_000, { live: true }),
  electionGraceMs: whole(3000, 0, 600_000, { live: true }),
  recordTimeoutMs: whole(4000, 100, 60_000, { live: true }),
  serverChannelMaxIdleTimeSeconds: whole(120, 1, 86_400),
  metricsPromExporterHost: text('0.0.0.0'),
  metricsPromExporterPort: whole(5557, 0, 65535),
  logLevel: level,
} as const satisfies Record<string, Setting<any>>

export type ControllerConfig = {
  readonly [Key in keyof typeof settings]: (typeof settings)[Key] extends Setting<infer T> ? T : never
}

/** Keys of Apache's controller that have no meaning here, and why. They are accepted, so that its files can be used. */
const INERT: Readonly<Record<string, string>> = {
  controllerType: 'there is no consensus among controllers: the record store decides',
  controllerDLegerPeers: 'there is no consensus among controllers: the record store decides',
  mappedFileSize: 'there is no log of consensus',
  isProcessReadEvent: 'there is no log of consensus',
  controllerThreadPoolNums: 'there are no request threads',
  controllerRequestThreadPoolQueueCapacity: 'there are no request threads',
  electMasterMaxRetryCount: 'an election is tried until it is done or not needed',
  scanInactiveMasterInterval: 'scanNotActiveBrokerInterval does both',
  rocketmqHome: 'nothing is read from there',
  metricsExporterType: 'metrics are always served for Prometheus',
}

type Values = Record<string, string | number | boolean>

/**
 * Reads properties text, with flags over it. Throws ConfigError naming every unknown key and every value that cannot be.
 * Warnings name the keys of Apache's that do nothing.
 */
export function parseConfig(
  properties: string,
  overrides: Readonly<Record<string, string>> = {},
): { config: ControllerConfig; warnings: string[] } {
  const given = new Map([...parseJavaProperties(properties), ...Object.entries(overrides)])
  return read(defaults(), given)
}

function defaults(): Values {
  return Object.fromEntries(Object.entries(settings).map(([key, setting]) => [key, setting.value]))
}

function read(base: Values, given: ReadonlyMap<string, string>): { config: ControllerConfig; warnings: string[] } {
  const values = { ...base }
  const problems: string[] = []
  const warnings: string[] = []
  for (const [key, value] of given) {
    if (Object.hasOwn(INERT, key)) {
      warnings.push(`${key}=${value} does nothing: ${INERT[key]}`)
      continue
    }
    if (!Object.hasOwn(settings, key)) {
      problems.push(`${key}: there is no such key`)
      continue
    }
    try {
      values[key] = settings[key as keyof typeof settings].parse(value)
    } catch (error) {
      problems.push(`${key}: ${JSON.stringify(value)}: ${(error as Error).message}`)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'))
  return { config: values as unknown as ControllerConfig, warnings }
}

/** Properties text of all keys. */
export function printConfig(config: ControllerConfig): string {
  return printJavaProperties(new Map(Object.entries(config).map(([key, value]) => [key, String(value)])))
}

/** Keys that no request may change, whatever configBlackList says (ControllerRequestProcessor.java). */
const NEVER_AT_RUN_TIME = ['configBlackList', 'configStorePath', 'controllerStorePath', 'rocketmqHome']

/**
 * The configuration with properties text over it. Throws ForbiddenKeyError and ConfigError. `needRestart` names the changed
 * keys that take effect only then.
 */
export function updateConfig(
  config: ControllerConfig,
  properties: string,
): { config: ControllerConfig; changed: string[]; needRestart: string[] } {
  const given = parseJavaProperties(properties)
  const forbidden = [...NEVER_AT_RUN_TIME, ...config.configBlackList.split(';')]
  const wrong = [...given.keys()].filter(key => forbidden.includes(key))
  if (wrong.length > 0) throw new ForbiddenKeyError(`${wrong.join(', ')} cannot be changed while it runs`)
  const { config: next } = read({ ...config }, given)
  const keys = Object.keys(settings) as (keyof typeof settings)[]
  const changed = keys.filter(key => next[key] !== config[key])
  const needRestart = changed.filter(key => (settings[key] as Setting<unknown>).live !== true)
  return { config: next, changed, needRestart }
}
