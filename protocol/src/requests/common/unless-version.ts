import { f } from '../../fields.ts'

/**
 * For slaves that ask every second: a table whose DataVersion they have already is not sent again. Apache's brokers do not
 * know these fields: they send the whole table, and read the whole of ours.
 */
export const unlessVersion = {
  /** `printVersion` of the table that the asker has. */
  header: { unlessVersion: f.string().optional() },
  /** The table has just that version; there is no body. */
  reply: { sameVersion: f.bool().optional() },
}

/** As `unlessVersion` names a DataVersion. */
export const printVersion = (version: { stateVersion: number; timestamp: number; counter: number }): string =>
  `${version.stateVersion}/${version.counter}/${version.timestamp}`
