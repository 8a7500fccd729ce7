import {
  brokerRequests,
  decodePull,
  type Frame,
  frameBytes,
  type PullReplyHead,
  type PullReplyWriter,
  type PullRequest,
  ResponseError,
  responseCodes,
} from '@rocketcluster/protocol'
import type { HotHandler, ServerConnection } from '@rocketcluster/remoting'
import type { BrokerServices } from '../services.ts'
import { BodyBuffers } from './body-buffers.ts'
import { type PullAnswer, pull } from './pull-message.ts'

const ONE_WAY = 2
const NO_RECORDS: readonly Uint8Array[] = []
export const PULL_CODES: readonly number[] = [brokerRequests.pullMessage.code, brokerRequests.litePullMessage.code]

/**
 * The pull path that consumers with a backlog take: from the frame's bytes to the store and from its records to the answer's
 * bytes, in the same turn when they are in memory. What is answered, `pull-message.ts` decides; `hot-pulls.test.ts` holds
 * the two ways of saying it together.
 */
export class HotPulls {
  readonly #services: BrokerServices
  readonly #reply: PullReplyWriter
  readonly #bodies = new BodyBuffers()

  constructor(services: BrokerServices, reply: PullReplyWriter) {
    this.#services = services
    this.#reply = reply
  }

  /** By request code, for RemotingServer's `hot`. */
  handlers(): Record<number, HotHandler> {
    const handler: HotHandler = (frame, connection) => this.#pull(decodePull(frame), frame, connection)
    return Object.fromEntries(PULL_CODES.map(code => [code, handler]))
  }

  #pull(request: PullRequest, frame: Frame, connection: ServerConnection): void {
    connection.language = request.language
    connection.version = request.version
    const startedMs = this.#services.world.clock.monotonicMs()
    const bytes = frameBytes(frame)
    const answer = pull(request, connection, this.#services)
    if (!(answer instanceof Promise)) {
      this.#answer(request, connection, answer, bytes, startedMs)
      return
    }
    answer.then(
      later => this.#answer(request, connection, later, bytes, startedMs),
      error => this.#refuse(request, connection, error, bytes, startedMs),
    )
  }

  #answer(
    request: PullRequest,
    connection: ServerConnection,
    answer: PullAnswer,
    bytes: number,
    startedMs: number,
  ): void {
    const { code } = responseCodes[answer.status ?? 'SUCCESS']
    const oneWay = (request.flag & ONE_WAY) !== 0
    if (!oneWay && !connection.closed) this.#write(request.opaque, code, connection, answer)
    else answer.written?.()
    this.#done(request, connection, oneWay ? -1 : code, bytes, startedMs, answer.held === true)
  }

  #write(opaque: number, code: number, connection: ServerConnection, answer: PullAnswer): void {
    const head: PullReplyHead = {
      opaque,
      code,
      remark: answer.remark ?? '',
      suggestWhichBrokerId: answer.suggestWhichBrokerId,
      nextBeginOffset: answer.nextBeginOffset,
      minOffset: answer.minOffset,
      maxOffset: answer.maxOffset,
      offsetDelta: answer.offsetDelta,
      topicSysFlag: answer.topicSysFlag,
      groupSysFlag: answer.groupSysFlag,
      forbiddenType: answer.forbiddenType,
    }
    const records = (answer.body as readonly Uint8Array[] | undefined) ?? NO_RECORDS
    let length = 0
    for (let i = 0; i < records.length; i++) length += records[i]!.length
    const { outbox } = connection
    const at = outbox.reserve(this.#reply.maxBytes(head))
    outbox.commit(this.#reply.write(outbox.slab, at, head, length) - at)
    this.#writeRecords(records, length, connection, answer.written)
    connection.touch()
  }

  #writeRecords(
    records: readonly Uint8Array[],
    length: number,
    connection: ServerConnection,
    written: (() => void) | undefined,
  ): void {
    const gathered = this.#bodies.gather(records, length)
    if (!gathered) {
      for (let i = 0; i < records.length; i++) connection.outbox.add(records[i]!)
      if (written) connection.whenWritten(written)
      return
    }
    connection.outbox.add(gathered.subarray(0, length))
    connection.whenWritten(() => this.#bodies.free(gathered))
    written?.()
  }

  #refuse(request: PullRequest, connection: ServerConnection, error: unknown, bytes: number, startedMs: number): void {
    const oneWay = (request.flag & ONE_WAY) !== 0
    const known = error instanceof ResponseError
    if (!known)
      this.#services.world.log.error(
        { err: error, code: request.code, topic: request.topic, queueId: request.queueId },
        'a pull failed for a reason that was not foreseen',
      )
    const code = known ? error.code : responseCodes.SYSTEM_ERROR.code
    const remark =
      known || !(error instanceof Error) ? String((error as Error).message ?? error) : `${error.name}: ${error.message}`
    if (!oneWay) connection.answer({ code, opaque: request.opaque, remark, ext: undefined })
    this.#done(request, connection, oneWay ? -1 : code, bytes, startedMs, false)
  }

  #done(
    request: PullRequest,
    connection: ServerConnection,
    status: number,
    bytes: number,
    startedMs: number,
    held: boolean,
  ): void {
    const { stats, world } = this.#services
    connection.done(bytes)
    stats.answered(request.code, status, world.clock.monotonicMs() - startedMs, (request.flag & ONE_WAY) !== 0, held)
  }
}
