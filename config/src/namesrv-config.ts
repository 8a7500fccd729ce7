import { ignoredNamesrvKeys } from './apache-keys.ts'
import { tlsIsWhole } from './broker-config.ts'
import { namesrvSettings } from './namesrv-settings.ts'
import { configSchema, type Overrides } from './schema.ts'
import type { ConfigOf } from './setting.ts'

/** All of namesrv.conf, typed. */
export type NamesrvConfig = ConfigOf<typeof namesrvSettings>
export type NamesrvOverrides = Overrides<typeof namesrvSettings>

/** namesrv.conf */
export const namesrvConfig = configSchema({
  settings: namesrvSettings,
  ignored: ignoredNamesrvKeys,
  derive: config => ({ metricsPromExporterHost: config.metricsPromExporterHost || config.bindAddress }),
  checks: [
    ({ listenPort, metricsPromExporterPort }) =>
      listenPort !== 0 && listenPort === metricsPromExporterPort
        ? { key: 'metricsPromExporterPort', message: `${listenPort} is already listenPort` }
        : undefined,
    tlsIsWhole,
  ],
})
