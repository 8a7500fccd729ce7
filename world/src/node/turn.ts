import { setImmediate as nextImmediate } from 'node:timers'

/** Resolves in the next real turn of the event loop: every promise job that could run has run by then. For the simulator. */
export function realTurn(): Promise<void> {
  return new Promise(resolve => nextImmediate(resolve))
}
