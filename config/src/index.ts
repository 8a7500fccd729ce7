export { type BrokerConfig, type BrokerOverrides, brokerConfig } from './broker-config.ts'
export { type ControllerConfig, type ControllerOverrides, controllerConfig } from './controller-config.ts'
export { ConfigError, type ConfigProblem, ForbiddenKeyError } from './errors.ts'
export { type NamesrvConfig, type NamesrvOverrides, namesrvConfig } from './namesrv-config.ts'
export { NODE_FLAGS } from './node-flags.ts'
export { editProperties, PropertiesError, parseProperties, printProperties } from './properties.ts'
export {
  isControlled,
  type Placement,
  type ProcessIdentity,
  processesOf,
  type RenderedCluster,
  type RenderedProcess,
  renderRocketCluster,
} from './render.ts'
export { type ConfigurationFile, RunTimeConfiguration } from './run-time-configuration.ts'
export type { ConfigSchema, Parsed, Updated } from './schema.ts'
