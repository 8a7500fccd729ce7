import { ignoredBrokerKeys, ignoredControllerKeys, ignoredNamesrvKeys } from './apache-keys.ts'
import { brokerSettings } from './broker-settings.ts'
import { controllerSettings } from './controller-settings.ts'
import { namesrvSettings } from './namesrv-settings.ts'
import type { Setting, Settings } from './setting.ts'

const WRITTEN = '<!-- Written by `npm run generate` from config/src; change it there. -->\n'

/** docs/configuration.md, to the byte. */
export function configurationPage(): string {
  return `${WRITTEN}
# Configuration keys

Brokers, name servers and controllers read Java properties files, as Apache RocketMQ does: \`-c broker.conf\`, \`-c namesrv.conf\`,
\`-c controller.conf\`. Names,
units and, but for [a few](defaults.md), defaults are Apache's; keys marked ★ are ours. In a RocketCluster manifest the same
keys stand under \`spec.broker.config\` and \`spec.nameServer.config\`, except those that follow from other fields.

- A key that neither Apache RocketMQ nor this project knows is an error that names the nearest one.
- A key of Apache's that has no effect here is accepted with a warning that says why.
- A value that cannot be is an error with the value and what is allowed. So is switching something on that is not built:
  leaving \`aclEnable=true\` without effect would open a broker that its owner believes closed.
- **Live** keys take effect at once when they are changed at run time (\`mqadmin updateBrokerConfig\`, \`updateNamesrvConfig\`,
  \`updateControllerConfig\`);
  the others when the process starts again.

## broker.conf

${table(brokerSettings)}
## namesrv.conf

${table(namesrvSettings)}
## controller.conf

${table(controllerSettings)}
## Accepted without effect

Keys of Apache RocketMQ that are not in the tables above.

${ignoredList('broker.conf', ignoredBrokerKeys)}
${ignoredList('namesrv.conf', ignoredNamesrvKeys)}
${ignoredList('controller.conf', ignoredControllerKeys)}`
}

/** docs/defaults.md, to the byte. */
export function defaultsPage(): string {
  const rows = [
    ...differing('broker.conf', brokerSettings),
    ...differing('namesrv.conf', namesrvSettings).filter(([, key = '']) => !(key in brokerSettings) && !isShared(key)),
    ...differing('controller.conf', controllerSettings).filter(
      ([, key = '']) => !(key in brokerSettings) && !isShared(key),
    ),
  ]
  return `${WRITTEN}
# Defaults that differ from Apache RocketMQ's

Everything that is not in this table has the default of Apache RocketMQ 5.5.0. A comparison of the two sets these keys alike
on both sides.

${markdown(['File', 'Key', 'Here', 'Apache 5.5.0', 'Why'], rows)}`
}

/** A key that both files have is listed once. */
function isShared(key: string): boolean {
  return Object.values(brokerSettings as Settings).some(setting => setting.key === key)
}

function differing(file: string, settings: Settings): string[][] {
  return Object.entries(settings)
    .filter(([, setting]) => setting.apache !== undefined)
    .map(([field, setting]) => [
      file,
      setting.key ?? field,
      setting.print(setting.default),
      setting.apache!,
      setting.because ?? '',
    ])
}

function table(settings: Settings): string {
  return markdown(
    ['Key', 'Type', 'Default', 'Allowed', 'Live', 'Meaning'],
    Object.entries(settings).map(([field, setting]) => [
      `\`${setting.key ?? field}\`${setting.ours ? ' ★' : ''}`,
      setting.type,
      defaultOf(setting),
      setting.allowed,
      setting.live ? 'yes' : '',
      setting.inert === undefined ? setting.about : `${setting.about} *No effect: ${setting.inert}.*`,
    ]),
  )
}

function defaultOf(setting: Setting<unknown>): string {
  const unit = setting.unit === undefined ? '' : ` ${setting.unit}`
  if (setting.defaultText !== undefined) return setting.defaultText
  const text = setting.print(setting.default)
  return text === '' ? '–' : text + unit
}

function ignoredList(file: string, ignored: ReadonlyMap<string, string>): string {
  const byReason = Map.groupBy(ignored, ([, reason]) => reason)
  const lines = [...byReason].map(([reason, keys]) => `- ${reason}: ${keys.map(([key]) => `\`${key}\``).join(', ')}\n`)
  return `### Of ${file}\n\n${lines.join('')}`
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('')
}
