import type { Store } from '../store/store.ts'
import type { Appended, PutStatus } from '../store/types.ts'
import { type OutgoingMessage, toStore } from './outgoing-message.ts'

/**
 * Gives a message another topic to wait in (delays), or undefined when it is not concerned.
 * Throws ResponseError for a message that must not be stored.
 */
export type Redirect = (message: OutgoingMessage) => OutgoingMessage | undefined

/**
 * The way into the log for messages that are not ordinary sends: whoever writes one, a producer or the broker itself, it
 * is redirected when its properties say that it comes later (HookUtils.java#handleScheduleMessage).
 */
export class Puts {
  readonly #store: Store
  readonly #redirects: readonly Redirect[]

  constructor(store: Store, redirects: readonly Redirect[]) {
    this.#store = store
    this.#redirects = redirects
  }

  /**
   * A copy that the broker makes of a message: maxMessageSize does not hold for it. Synchronous, as `Store.append`: offsets are
   * given in the order of the calls. Throws as it does, and what redirects throw.
   */
  append(message: OutgoingMessage): Appended {
    return this.#store.appendCopy(toStore(this.redirected(message)))
  }

  /** Resolves when the message is as durable as the configuration promises. Rejects as `Store.committed`. */
  async put(message: OutgoingMessage, wait = true): Promise<Appended & { status: PutStatus }> {
    const appended = this.append(message)
    const status = await this.#store.committed(appended.physicalOffset + appended.sizeBytes, wait)
    return { ...appended, status }
  }

  /** A producer's message: what `redirected` has returned for it. Throws as `Store.append`. */
  appendRedirected(message: OutgoingMessage): Appended {
    return this.#store.append(toStore(message))
  }

  /** The message as it will be stored. Throws what redirects throw. */
  redirected(message: OutgoingMessage): OutgoingMessage {
    for (const redirect of this.#redirects) {
      const redirected = redirect(message)
      if (redirected) return redirected
    }
    return message
  }
}
