import type { World } from '@rocketcluster/world'
import type { Decision } from '../state/decision.ts'
import type { GroupRecord } from '../state/record.ts'
import { type RecordStore, RecordStoreError, type StoredRecord } from './record-store.ts'

export interface Updated {
  /** As it stands now; undefined when there is none. */
  readonly record: GroupRecord | undefined
  /** What was decided on it; a `change` has happened. */
  readonly decision: Decision
}

export interface UpdateOptions {
  /** How long to go on after conflicts and lost answers. */
  readonly timeoutMs: number
  /** Told of every attempt, for metrics. */
  readonly onAttempt?: (outcome: 'success' | 'conflict' | 'failed' | 'unknown', latencyMs: number) => void
}

const PAUSE_MS = 20

/**
 * Reads the record, decides, and swaps; after a conflict all of it anew. After a lost answer the fate of the swap is found
 * out before anything else is answered: it reads back, and when the old version still stands it swaps again on top of that
 * version, so that of all attempts at most one can come into force, now or later. `decide` is called again for every
 * attempt and must take whatever it knows from before the read.
 *
 * Throws RecordStoreError; with `unknown` the last change may still come into force.
 */
export async function updateRecord(
  world: Pick<World, 'clock' | 'random'>,
  store: RecordStore,
  brokerName: string,
  decide: () => (record: GroupRecord | undefined) => Decision,
  { timeoutMs, onAttempt = () => {} }: UpdateOptions,
): Promise<Updated> {
  const { clock, random } = world
  const untilMs = clock.monotonicMs() + timeoutMs
  /** Swaps on this version were sent and never answered. */
  let doubt: { readonly version: string | undefined; readonly attempts: Map<string, Decision> } | undefined
  for (let attempt = 0; ; attempt++) {
    if (attempt > 0) await clock.sleep(PAUSE_MS + random.int(PAUSE_MS * attempt))
    try {
      const decideOn = decide()
      const stored = await store.read(brokerName)
      if (doubt) {
        const mine = stored && doubt.attempts.get(stored.record.changeId)
        if (mine) return { record: stored.record, decision: mine }
        // Something else stands on what we swapped on: ours cannot come any more, and either was or was not.
        if (stored?.version !== doubt.version) doubt = undefined
      }
      const decision = decideOn(stored?.record)
      const next = nextOf(decision, stored, doubt !== undefined, changeIdOf(random))
      if (next === undefined) return { record: stored?.record, decision }
      const changeId = next.record?.changeId ?? ''
      const startMs = clock.monotonicMs()
      try {
        const swapped = await store.swap(brokerName, stored?.version, next.record)
        onAttempt(swapped === 'conflict' ? 'conflict' : 'success', clock.monotonicMs() - startMs)
        if (swapped === 'conflict') {
          if (clock.monotonicMs() < untilMs) continue
          throw new RecordStoreError(
            'none',
            `the record of ${brokerName} changed at every one of ${attempt + 1} attempts`,
          )
        }
        return { record: next.record, decision }
      } catch (error) {
        const unknown = error instanceof RecordStoreError && error.outcome === 'unknown'
        onAttempt(unknown ? 'unknown' : 'failed', clock.monotonicMs() - startMs)
        if (unknown) {
          doubt ??= { version: stored?.version, attempts: new Map() }
          doubt.attempts.set(changeId, decision)
        }
        throw error
      }
    } catch (error) {
      if (!(error instanceof RecordStoreError)) throw error
      if (clock.monotonicMs() < untilMs) continue
      throw doubt ? new RecordStoreError('unknown', error.message, { cause: error }) : error
    }
  }
}

/** What is to be written; undefined when nothing is. In doubt even a decision to change nothing is written, to shut the door. */
function nextOf(
  decision: Decision,
  stored: StoredRecord | undefined,
  inDoubt: boolean,
  changeId: string,
): { readonly record: GroupRecord | undefined } | undefined {
  switch (decision.kind) {
    case 'change':
      return { record: { ...decision.record, changeId, change: decision.why } }
    case 'remove':
      return { record: undefined }
    default:
      return inDoubt && stored ? { record: { ...stored.record, changeId } } : undefined
  }
}

function changeIdOf(random: World['random']): string {
  return Buffer.from(random.bytes(8)).toString('hex')
}
