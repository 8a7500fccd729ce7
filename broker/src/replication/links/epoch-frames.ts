import { getInt, getLong, putInt, putLong } from '@rocketcluster/protocol/internal'
import type { Epoch } from '../replication.ts'
import { LinkProtocolError } from './classic-frames.ts'

/**
 * What goes over a link in controller mode (AutoSwitchHAClient.java, AutoSwitchHAConnection.java). A state is the ordinal of
 * HAConnectionState.java:
 *
 *     slave:  HANDSHAKE 4, isSyncFromLastFile 2, isAsyncLearner 2, broker id 8      once
 *             TRANSFER 4, physical offset up to which it has the log 8
 *     master: HANDSHAKE 4, size 4, end of its log 8, its last epoch 4, then `size` bytes: epoch 4, startOffset 8, again and again
 *             TRANSFER 4, size 4, physical offset 8, epoch 4, where that epoch begins 8, confirm offset 8, then `size` bytes of log
 *
 * Ours only: a slave that knows its master for one of ours puts 2 for isAsyncLearner, and behind its handshake the size 4 and the
 * JSON of a `Hello`. An Apache master takes such a 2 for "no learner", but would not understand what follows.
 */
const HANDSHAKE = 1
const TRANSFER = 2
const SLAVE_HANDSHAKE_BYTES = 16
const SLAVE_REPORT_BYTES = 12
const MASTER_HANDSHAKE_BYTES = 20
const TRANSFER_BYTES = 36
const ENTRY_BYTES = 12
const WITH_HELLO = 2
const MAX_HELLO_BYTES = 64 * 1024
const MAX_ENTRIES_BYTES = 1024 * 1024
/** No master sends more in one frame. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

/** What one of our slaves says of itself beyond RocketMQ's handshake. */
export interface Hello {
  readonly clusterName: string
  readonly brokerName: string
  /** Of the group's record, as it knows it. */
  readonly recordId: string
  /** It follows no master of an earlier epoch. */
  readonly highestEpoch: number
  readonly storeId: string
  readonly bootId: string
}

export interface SlaveHandshake {
  readonly brokerId: number
  /** isSyncFromLastFile: an empty slave that wants only the last file. */
  readonly onlyLastFile: boolean
  /** An Apache slave that never is in sync. */
  readonly isLearner: boolean
  /** Undefined from an Apache broker. */
  readonly hello: Hello | undefined
}

export interface MasterHandshake {
  readonly end: number
  readonly lastEpoch: number
  readonly entries: readonly Epoch[]
}

/** In front of so many bytes of the log; with 0 bytes it is a beat. */
export interface TransferHeader {
  readonly bodyBytes: number
  readonly physicalOffset: number
  readonly epoch: number
  readonly epochStartOffset: number
  readonly confirmOffset: number
}

export function encodeSlaveHandshake(brokerId: number, hello: Hello | undefined): Buffer {
  const text = hello === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(hello))
  const bytes = Buffer.alloc(SLAVE_HANDSHAKE_BYTES + (hello === undefined ? 0 : 4 + text.length))
  putInt(bytes, 0, HANDSHAKE)
  bytes.writeInt16BE(hello === undefined ? 0 : WITH_HELLO, 6)
  putLong(bytes, 8, brokerId)
  if (hello !== undefined) {
    putInt(bytes, SLAVE_HANDSHAKE_BYTES, text.length)
    text.copy(bytes, SLAVE_HANDSHAKE_BYTES + 4)
  }
  return bytes
}

export function encodeSlaveReport(physicalOffset: number): Buffer {
  const bytes = Buffer.allocUnsafe(SLAVE_REPORT_BYTES)
  putInt(bytes, 0, TRANSFER)
  putLong(bytes, 4, physicalOffset)
  return bytes
}

export function encodeMasterHandshake({ end, lastEpoch, entries }: MasterHandshake): Buffer {
  const bytes = Buffer.allocUnsafe(MASTER_HANDSHAKE_BYTES + ENTRY_BYTES * entries.length)
  putInt(bytes, 0, HANDSHAKE)
  putInt(bytes, 4, ENTRY_BYTES * entries.length)
  putLong(bytes, 8, end)
  putInt(bytes, 16, lastEpoch)
  let at = MASTER_HANDSHAKE_BYTES
  for (const { epoch, startOffset } of entries) {
    putInt(bytes, at, epoch)
    putLong(bytes, at + 4, startOffset)
    at += ENTRY_BYTES
  }
  return bytes
}

export function encodeTransferHeader(header: TransferHeader): Buffer {
  const bytes = Buffer.allocUnsafe(TRANSFER_BYTES)
  putInt(bytes, 0, TRANSFER)
  putInt(bytes, 4, header.bodyBytes)
  putLong(bytes, 8, header.physicalOffset)
  putInt(bytes, 16, header.epoch)
  putLong(bytes, 20, header.epochStartOffset)
  putLong(bytes, 28, header.confirmOffset)
  return bytes
}

/** Bytes that have come and are not a whole thing yet. */
class Pending {
  #bytes: Buffer = Buffer.alloc(0)

  add(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
  }

  /** The next `count` bytes, when they are there; they stay. */
  peek(count: number): Buffer | undefined {
    return this.#bytes.length < count ? undefined : this.#bytes.subarray(0, count)
  }

  /** Up to `count` bytes. */
  take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(taken.length)
    return taken
  }

  get length(): number {
    return this.#bytes.length
  }
}

/** Takes apart what a slave sends: its handshake, then reports. */
export class SlaveReader {
  readonly #pending = new Pending()
  #greeted = false
  #reported = false

  /** The newest report in it: older ones mean nothing any more. Throws LinkProtocolError, and what `onHandshake` throws. */
  feed(chunk: Buffer, onHandshake: (handshake: SlaveHandshake) => void): number | undefined {
    const pending = this.#pending
    pending.add(chunk)
    if (!this.#greeted) {
      const handshake = this.#handshake()
      if (handshake === undefined) return undefined
      this.#greeted = true
      onHandshake(handshake)
    }
    let newest: number | undefined
    for (let bytes = pending.peek(SLAVE_REPORT_BYTES); bytes; bytes = pending.peek(SLAVE_REPORT_BYTES)) {
      if (getInt(bytes, 0) === HANDSHAKE && !this.#reported) {
        // An Apache slave says it again while it waits for the answer.
        if (pending.peek(SLAVE_HANDSHAKE_BYTES) === undefined) break
        pending.take(SLAVE_HANDSHAKE_BYTES)
        continue
      }
      const [state, physicalOffset] = [getInt(bytes, 0), getLong(bytes, 4)]
      if (state !== TRANSFER || !isOffset(physicalOffset))
        throw new LinkProtocolError(
          `a report of offset ${physicalOffset} in state ${state}; allowed are offsets from 0 in state ${TRANSFER}`,
        )
      pending.take(SLAVE_REPORT_BYTES)
      this.#reported = true
      newest = physicalOffset
    }
    return newest
  }

  #handshake(): SlaveHandshake | undefined {
    const pending = this.#pending
    const head = pending.peek(SLAVE_HANDSHAKE_BYTES)
    if (head === undefined) return undefined
    const [state, lastFile, learner, brokerId] = [
      getInt(head, 0),
      head.readInt16BE(4),
      head.readInt16BE(6),
      getLong(head, 8),
    ]
    if (state !== HANDSHAKE || !isOffset(brokerId))
      throw new LinkProtocolError(`a handshake of broker ${brokerId} in state ${state}; allowed is state ${HANDSHAKE}`)
    let hello: Hello | undefined
    if (learner === WITH_HELLO) {
      const sized = pending.peek(SLAVE_HANDSHAKE_BYTES + 4)
      if (sized === undefined) return undefined
      const size = getInt(sized, SLAVE_HANDSHAKE_BYTES)
      if (size < 0 || size > MAX_HELLO_BYTES) throw new LinkProtocolError(`a hello of ${size} bytes`)
      const all = pending.peek(SLAVE_HANDSHAKE_BYTES + 4 + size)
      if (all === undefined) return undefined
      hello = parseHello(all.toString('utf8', SLAVE_HANDSHAKE_BYTES + 4))
      pending.take(4 + size)
    }
    pending.take(SLAVE_HANDSHAKE_BYTES)
    return { brokerId, onlyLastFile: lastFile === 1, isLearner: learner === 1, hello }
  }
}

function parseHello(text: string): Hello {
  let value: Partial<Record<keyof Hello, unknown>>
  try {
    value = JSON.parse(text)
  } catch {
    throw new LinkProtocolError('a hello that is no JSON')
  }
  const word = (key: keyof Hello) => {
    const found = value?.[key]
    if (typeof found !== 'string') throw new LinkProtocolError(`a hello without ${key}`)
    return found
  }
  const { highestEpoch } = value ?? {}
  if (!Number.isSafeInteger(highestEpoch) || (highestEpoch as number) < 0)
    throw new LinkProtocolError('a hello without highestEpoch')
  return {
    clusterName: word('clusterName'),
    brokerName: word('brokerName'),
    recordId: word('recordId'),
    highestEpoch: highestEpoch as number,
    storeId: word('storeId'),
    bootId: word('bootId'),
  }
}

/** Who is told what a master sends. */
export interface MasterEvents {
  handshake(handshake: MasterHandshake): void
  /** A frame, or a beat, begins. */
  frame(header: TransferHeader): void
  /** Bytes of the log, as they come. */
  body(bytes: Buffer): void
}

/** Takes apart what a master sends. Bodies are handed on as they come: nobody waits for the end of one. */
export class MasterReader {
  readonly #pending = new Pending()
  #bodyLeft = 0

  /** Throws LinkProtocolError, and what the events throw. */
  feed(chunk: Buffer, events: MasterEvents): void {
    const pending = this.#pending
    pending.add(chunk)
    for (;;) {
      if (this.#bodyLeft > 0) {
        if (pending.length === 0) return
        const bytes = pending.take(this.#bodyLeft)
        this.#bodyLeft -= bytes.length
        events.body(bytes)
        continue
      }
      const state = pending.peek(4)
      if (state === undefined) return
      const kind = getInt(state, 0)
      if (kind === HANDSHAKE) {
        if (!this.#handshake(events)) return
      } else if (kind === TRANSFER) {
        if (!this.#transfer(events)) return
      } else throw new LinkProtocolError(`a frame in state ${kind}; allowed are ${HANDSHAKE} and ${TRANSFER}`)
    }
  }

  #handshake(events: MasterEvents): boolean {
    const pending = this.#pending
    const head = pending.peek(MASTER_HANDSHAKE_BYTES)
    if (head === undefined) return false
    const size = getInt(head, 4)
    if (size < 0 || size > MAX_ENTRIES_BYTES || size % ENTRY_BYTES !== 0)
      throw new LinkProtocolError(`a handshake with ${size} bytes of epochs`)
    const all = pending.peek(MASTER_HANDSHAKE_BYTES + size)
    if (all === undefined) return false
    const entries: Epoch[] = []
    for (let at = MASTER_HANDSHAKE_BYTES; at < all.length; at += ENTRY_BYTES)
      entries.push({ epoch: getInt(all, at), startOffset: getLong(all, at + 4) })
    const handshake = { end: getLong(all, 8), lastEpoch: getInt(all, 16), entries }
    pending.take(all.length)
    events.handshake(handshake)
    return true
  }

  #transfer(events: MasterEvents): boolean {
    const head = this.#pending.peek(TRANSFER_BYTES)
    if (head === undefined) return false
    const header: TransferHeader = {
      bodyBytes: getInt(head, 4),
      physicalOffset: getLong(head, 8),
      epoch: getInt(head, 16),
      epochStartOffset: getLong(head, 20),
      confirmOffset: getLong(head, 28),
    }
    const { bodyBytes, physicalOffset, epochStartOffset } = header
    // An Apache master that has nothing to send yet beats from -1.
    const isPlace = isOffset(physicalOffset) || (physicalOffset === -1 && bodyBytes === 0)
    if (!isPlace || bodyBytes < 0 || bodyBytes > MAX_BODY_BYTES || !isOffset(epochStartOffset))
      throw new LinkProtocolError(
        `a frame of ${bodyBytes} bytes at offset ${physicalOffset} in an epoch from ${epochStartOffset} on; allowed are 0 to ${MAX_BODY_BYTES} bytes from offset 0 on`,
      )
    this.#pending.take(TRANSFER_BYTES)
    this.#bodyLeft = bodyBytes
    events.frame(header)
    return true
  }
}

const isOffset = (value: number) => Number.isSafeInteger(value) && value >= 0
