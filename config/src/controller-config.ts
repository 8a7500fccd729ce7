import { ignoredControllerKeys } from './apache-keys.ts'
import { controllerSettings } from './controller-settings.ts'
import { configSchema, type Overrides } from './schema.ts'
import type { ConfigOf } from './setting.ts'

/** All of controller.conf, typed. */
export type ControllerConfig = ConfigOf<typeof controllerSettings>
export type ControllerOverrides = Overrides<typeof controllerSettings>

/** controller.conf */
export const controllerConfig = configSchema({
  settings: controllerSettings,
  ignored: ignoredControllerKeys,
  derive: config => ({ metricsPromExporterHost: config.metricsPromExporterHost || config.bindAddress }),
  checks: [
    ({ listenPort, metricsPromExporterPort }) =>
      listenPort !== 0 && listenPort === metricsPromExporterPort
        ? { key: 'metricsPromExporterPort', message: `${listenPort} is already listenPort` }
        : undefined,
  ],
})
