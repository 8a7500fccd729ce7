import type { EpochFile } from '../epoch/epoch-file.ts'
import { EpochHistory } from '../epoch/epoch-history.ts'
import type { ReplicatedLog } from '../replicated-log.ts'
import {
  encodeSlaveHandshake,
  encodeSlaveReport,
  type Hello,
  type MasterHandshake,
  MasterReader,
  type TransferHeader,
} from './epoch-frames.ts'
import type { MasterLog } from './link-client.ts'
import type { LinkToMaster, MasterDialect } from './master-dialect.ts'
import { RecordAssembler } from './record-assembler.ts'

/** A master of ours beats every 300 ms, and each beat is answered. */
const OUR_RHYTHM = { heartbeatIntervalMs: 1000, silenceMs: 5000 }

export interface EpochMasterDialectOptions {
  readonly brokerId: number
  readonly log: ReplicatedLog
  readonly epochs: EpochFile
  /** What a master of ours is told; undefined when the master is an Apache broker. */
  readonly hello: Hello | undefined
  /** No master of an earlier epoch is followed. */
  readonly highestEpoch: () => number
  /** Makes durable that this member follows nobody below `epoch` any more. */
  readonly promiseEpoch: (epoch: number) => Promise<void>
  readonly masterLog: () => Promise<MasterLog>
  /** The master of `epoch` has just been heard. */
  readonly heard: (epoch: number) => void
  /** Everything before it is with every member that has to have it; never beyond the end of this log. */
  readonly onConfirm: (physicalOffset: number) => void
  /** This log has bytes behind `offset` that the master does not have. Nothing more is done on this connection. */
  readonly onTruncate: (offset: number) => void
  /** See `LinkClientOptions`. */
  readonly onTooFarBehind: (minOffset: number) => void
}

/** Under a controller (AutoSwitchHAClient.java): the two histories say first how far the two logs are the same. */
export class EpochMasterDialect implements MasterDialect {
  readonly rhythm: typeof OUR_RHYTHM | undefined
  readonly #options: EpochMasterDialectOptions
  readonly #reader = new MasterReader()
  #masterEpoch: number | undefined

  constructor(options: EpochMasterDialectOptions) {
    this.#options = options
    this.rhythm = options.hello === undefined ? undefined : OUR_RHYTHM
  }

  open(link: LinkToMaster): void {
    const { brokerId, hello } = this.#options
    link.write(encodeSlaveHandshake(brokerId, hello))
  }

  feed(chunk: Buffer, link: LinkToMaster): void {
    const { heard, hello, highestEpoch } = this.#options
    if (this.#isDeposed) {
      link.close(`it is the master of epoch ${this.#masterEpoch}, and this member has seen epoch ${highestEpoch()}`)
      return
    }
    this.#reader.feed(chunk, {
      handshake: handshake => {
        if (this.#masterEpoch !== undefined) throw new RangeError('a second handshake')
        // Apache's brokers do not note an epoch that begins where one begins in which nothing was written; the record names this one.
        this.#masterEpoch = hello === undefined ? Math.max(handshake.lastEpoch, highestEpoch()) : handshake.lastEpoch
        this.#begin(handshake, this.#masterEpoch, link).catch(error => link.close((error as Error).message))
      },
      frame: header => this.#frame(header, link),
      body: bytes => link.body(bytes),
    })
    if (this.#masterEpoch !== undefined && !this.#isDeposed) heard(this.#masterEpoch)
  }

  /** Another master was promised not to follow this one any more. */
  get #isDeposed(): boolean {
    return this.#masterEpoch !== undefined && this.#masterEpoch < this.#options.highestEpoch()
  }

  report(physicalOffset: number): Buffer | undefined {
    return this.#isDeposed ? undefined : encodeSlaveReport(physicalOffset)
  }

  async #begin({ entries, end: masterEnd }: MasterHandshake, masterEpoch: number, link: LinkToMaster): Promise<void> {
    const { log, epochs, highestEpoch, promiseEpoch, masterLog, onTooFarBehind, onTruncate } = this.#options
    const refuseEarlier = () => {
      if (masterEpoch < highestEpoch())
        throw new Error(`it is the master of epoch ${masterEpoch}, and this member has seen epoch ${highestEpoch()}`)
    }
    refuseEarlier()
    await promiseEpoch(masterEpoch)
    const { minOffset } = await masterLog()
    if (!link.isOpen) return
    refuseEarlier()
    const theirs = new EpochHistory(entries)
    const isEmpty = log.maxPhysicalOffset === 0 && log.minPhysicalOffset === 0
    if (isEmpty && minOffset > 0) log.startAt(minOffset)
    const end = log.maxPhysicalOffset
    const isNew = isEmpty || end === log.minPhysicalOffset
    if (isNew && end < minOffset) {
      // It was to begin where the master's log began then.
      onTooFarBehind(minOffset)
      link.close(`the log of its master begins at ${minOffset} now, and this one, still empty, at ${end}`)
      return
    }
    if (!isNew) {
      const parting = epochs.history.partingFrom(theirs, end, masterEnd)
      const common = parting.kind === 'common' ? parting.offset : -1
      if (common < minOffset || common < log.minPhysicalOffset) {
        onTooFarBehind(minOffset)
        link.close('nothing of this log is known to be the same as the log of its master')
        return
      }
      if (common < end) {
        onTruncate(common)
        link.close(`this log ends at ${end}, and is the same as the log of its master up to ${common} only`)
        return
      }
    }
    await this.#adopt(theirs, end, isNew)
    if (link.isOpen) link.begin(new RecordAssembler(end))
  }

  /** From the last epoch that both have on, theirs is ours too. */
  async #adopt(theirs: EpochHistory, end: number, isNew: boolean): Promise<void> {
    const { epochs } = this.#options
    const { history } = epochs
    if (isNew) history.clear()
    const known = history.last?.epoch ?? Number.NEGATIVE_INFINITY
    // What both have is common; an epoch of ours that they do not have, without a byte in it, never was.
    const shared = theirs.entries.findLast(({ epoch }) => epoch <= known)
    if (history.last !== undefined && history.last.epoch !== shared?.epoch) history.dropAfter(shared?.epoch ?? -1)
    const last = history.last?.epoch ?? Number.NEGATIVE_INFINITY
    for (const entry of theirs.entries) if (entry.epoch > last && entry.startOffset <= end) history.append(entry)
    await epochs.save()
  }

  #frame(header: TransferHeader, link: LinkToMaster): void {
    const { epochs, log, onConfirm, hello } = this.#options
    const { epoch, epochStartOffset, physicalOffset, bodyBytes, confirmOffset } = header
    link.frame(physicalOffset, bodyBytes)
    // An Apache master that has nothing to send yet beats from -1.
    if (physicalOffset < 0) return
    const { history } = epochs
    const last = history.last?.epoch ?? -1
    if (epoch > last && epochStartOffset <= physicalOffset) {
      if (epochStartOffset < physicalOffset && last >= 0)
        throw new RangeError(`epoch ${epoch} begins at ${epochStartOffset}, and its first frame at ${physicalOffset}`)
      history.append({ epoch, startOffset: epochStartOffset })
      // On the disk before a byte of it: else what a process that dies in between leaves would be taken for the epoch before.
      link.hold(epochs.save())
    }
    if (epoch < last && bodyBytes > 0)
      throw new RangeError(`a frame of epoch ${epoch} at ${physicalOffset}, behind epoch ${last}`)
    if (confirmOffset >= 0) onConfirm(Math.min(confirmOffset, log.committedOffset))
    if (hello !== undefined && bodyBytes === 0) link.answerBeat()
  }
}
