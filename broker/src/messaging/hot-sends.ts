import {
  decodeSend,
  decodeSendV2,
  type Frame,
  frameBody,
  frameBytes,
  ResponseError,
  responseCodes,
  type SendReplyWriter,
  type SendRequest,
} from '@rocketcluster/protocol'
import type { HotHandler, ServerConnection } from '@rocketcluster/remoting'
import type { Clock, Log } from '@rocketcluster/world'
import { bornHostOf } from '../clients/born-host.ts'
import type { BrokerStats } from '../stats.ts'
import type { PutStatus } from '../store/types.ts'
import type { AcceptedSend, SendContent, Sends } from './sends.ts'

const NOTHING = Buffer.alloc(0)
const ONE_WAY = 2

/** A send that waits for its commit group. */
interface Waiting {
  readonly connection: ServerConnection
  readonly accepted: AcceptedSend
  readonly code: number
  readonly opaque: number
  readonly oneWay: boolean
  readonly bytes: number
}

/** The sends of one commit group: one promise for all of them, so that a message costs no promise of its own. */
interface Group {
  readonly committed: Promise<PutStatus>
  readonly startedMs: number
  readonly waiting: Waiting[]
}

/**
 * The send path that producers under load take: from the frame's bytes to the log and from the commit group to the
 * answers' bytes, without header objects, contexts or a promise per message. What it does is what `send-message.ts` does;
 * `hot-sends.test.ts` holds the two together.
 */
export class HotSends {
  readonly #sends: Sends
  readonly #clock: Clock
  readonly #log: Log
  readonly #stats: BrokerStats
  #reply: SendReplyWriter
  /** Read during `accept` only, so one object serves all. */
  readonly #content: { -readonly [K in keyof SendContent]: SendContent[K] } = {
    flag: 0,
    body: NOTHING,
    properties: NOTHING,
    bornHost: NOTHING,
  }
  #group: Group | undefined

  constructor(parts: { sends: Sends; clock: Clock; log: Log; stats: BrokerStats; reply: SendReplyWriter }) {
    this.#sends = parts.sends
    this.#clock = parts.clock
    this.#log = parts.log
    this.#stats = parts.stats
    this.#reply = parts.reply
  }

  /** Answers are written by this one from now on. */
  set reply(reply: SendReplyWriter) {
    this.#reply = reply
  }

  /** By request code, for RemotingServer's `hot`. */
  handlers(): Record<number, HotHandler> {
    return {
      10: (frame, connection) => this.#send(10, decodeSend(frame), frame, connection),
      310: (frame, connection) => this.#send(310, decodeSendV2(frame), frame, connection),
      320: (frame, connection) => this.#send(320, decodeSendV2(frame), frame, connection),
    }
  }

  #send(code: number, request: SendRequest, frame: Frame, connection: ServerConnection): void {
    connection.language = request.language
    connection.version = request.version
    const content = this.#content
    content.flag = request.messageFlag
    content.body = frameBody(frame) ?? NOTHING
    content.properties = request.propertiesBytes ?? NOTHING
    content.bornHost = bornHostOf(connection)
    const accepted = this.#sends.accept(request, content)
    const bytes = frameBytes(frame)
    const oneWay = (request.flag & ONE_WAY) !== 0
    if (accepted instanceof Promise)
      this.#waitLater(accepted, { connection, code, opaque: request.opaque, oneWay, bytes })
    else this.#wait({ connection, accepted, code, opaque: request.opaque, oneWay, bytes })
  }

  // Closures live in methods of their own: a method that holds one allocates their context in every call.
  #waitLater(accepted: Promise<AcceptedSend>, send: Omit<Waiting, 'accepted'>): void {
    accepted.then(
      later => this.#wait({ ...send, accepted: later }),
      error => this.#refuse(send, error, this.#clock.monotonicMs()),
    )
  }

  #wait(waiting: Waiting): void {
    const { committed } = waiting.accepted
    let group = this.#group
    if (group?.committed !== committed) this.#group = group = this.#startGroup(committed)
    group.waiting.push(waiting)
  }

  #startGroup(committed: Promise<PutStatus>): Group {
    const started: Group = { committed, startedMs: this.#clock.monotonicMs(), waiting: [] }
    committed.then(
      status => this.#answer(started, status),
      error => this.#refuseAll(started, error),
    )
    return started
  }

  #answer(group: Group, status: PutStatus): void {
    if (this.#group === group) this.#group = undefined
    const responseCode = responseCodes[status === 'PUT_OK' ? 'SUCCESS' : status].code
    const latencyMs = this.#clock.monotonicMs() - group.startedMs
    const { waiting } = group
    let counted = 0
    for (let i = 0; i < waiting.length; i++) {
      const { connection, accepted, code, opaque, oneWay, bytes } = waiting[i]!
      if (!oneWay && !connection.closed) {
        const { appended, queueId, uniqKey, recallHandle } = accepted
        const first = appended[0]!
        // A batch answers with the ids of all its messages.
        const msgId =
          appended.length === 1
            ? first.physicalOffset
            : appended.map(({ physicalOffset }) => this.#sends.msgId(physicalOffset)).join(',')
        const { outbox } = connection
        const at = outbox.reserve(this.#reply.maxBytes(msgId, uniqKey, recallHandle))
        const end = this.#reply.write(
          outbox.slab,
          at,
          opaque,
          responseCode,
          msgId,
          queueId,
          first.queueOffset,
          uniqKey,
          recallHandle,
        )
        outbox.commit(end - at)
        connection.touch()
      }
      connection.done(bytes)
      counted++
      const next = waiting[i + 1]
      if (next?.code === code && next.oneWay === oneWay) continue
      this.#stats.answered(code, oneWay ? -1 : responseCode, latencyMs, oneWay, false, counted)
      counted = 0
    }
  }

  #refuseAll(group: Group, error: unknown): void {
    if (this.#group === group) this.#group = undefined
    for (const waiting of group.waiting) this.#refuse(waiting, error, group.startedMs)
  }

  #refuse(
    { connection, code, opaque, oneWay, bytes }: Omit<Waiting, 'accepted'>,
    error: unknown,
    startedMs: number,
  ): void {
    const known = error instanceof ResponseError
    if (!known) this.#log.error({ error, code }, 'a send failed for a reason that was not foreseen')
    const responseCode = known ? error.code : responseCodes.SYSTEM_ERROR.code
    const remark = error instanceof Error ? error.message : String(error)
    if (!oneWay) connection.answer({ code: responseCode, opaque, remark, ext: undefined })
    this.#stats.answered(code, oneWay ? -1 : responseCode, this.#clock.monotonicMs() - startedMs, oneWay, false)
    connection.done(bytes)
  }
}
