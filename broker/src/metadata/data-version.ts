import type { Clock } from '@rocketcluster/world'

/** DataVersion.java: ordered by stateVersion (the master's epoch), then counter, then timestamp. */
export interface DataVersion {
  stateVersion: number
  timestamp: number
  counter: number
}

export const firstVersion = (clock: Clock): DataVersion => ({ stateVersion: 0, timestamp: clock.now(), counter: 0 })

export const nextVersion = (version: DataVersion, clock: Clock): DataVersion => ({
  stateVersion: version.stateVersion,
  timestamp: clock.now(),
  counter: version.counter + 1,
})
