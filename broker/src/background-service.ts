/**
 * Work that a master does by itself: delivering delayed messages, checking transactions, reviving what was popped.
 * It begins when clients can be served and ends before the store closes.
 */
export interface BackgroundService {
  /** Reads what it kept on disk and begins. Rejects when that is unreadable: the broker does not start then. */
  start(): Promise<void>
  /** Resolves when nothing of it runs any more and what it has to keep is on disk. Harmless when called twice. */
  stop(): Promise<void>
}
