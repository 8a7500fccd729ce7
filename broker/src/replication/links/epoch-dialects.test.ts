import { beforeEach, describe, expect, test } from '@jest/globals'
import { simulation } from '@rocketcluster/world/sim'
import { EpochFile } from '../epoch/epoch-file.ts'
import { EpochHistory } from '../epoch/epoch-history.ts'
import type { ReplicatedLog } from '../replicated-log.ts'
import { EpochDialect } from './epoch-dialect.ts'
import {
  encodeMasterHandshake,
  encodeSlaveHandshake,
  encodeSlaveReport,
  encodeTransferHeader,
  type Hello,
  type MasterHandshake,
  MasterReader,
  type TransferHeader,
} from './epoch-frames.ts'
import { EpochMasterDialect } from './epoch-master-dialect.ts'
import type { LinkToMaster } from './master-dialect.ts'
import type { RecordAssembler } from './record-assembler.ts'

const HELLO: Hello = {
  clusterName: 'c',
  brokerName: 'b',
  recordId: 'r',
  highestEpoch: 3,
  storeId: 's2',
  bootId: 'b2',
}

const epochs = (...entries: [epoch: number, startOffset: number][]) =>
  entries.map(([epoch, startOffset]) => ({ epoch, startOffset }))

/** Of a log only where it begins and ends. */
class Bounds {
  minPhysicalOffset = 0
  maxPhysicalOffset = 0

  get committedOffset(): number {
    return this.maxPhysicalOffset
  }

  startAt(offset: number): void {
    this.minPhysicalOffset = this.maxPhysicalOffset = offset
  }
}

describe('a slave', () => {
  const log = new Bounds()
  let file: EpochFile
  let seen: number
  let promise: { epoch: number; made: () => void } | undefined
  let masterMin: number
  let calls: string[]
  let onDisk: () => Promise<EpochHistory>

  beforeEach(async () => {
    const sim = simulation(1)
    const { disk } = sim.host('host').world
    // Everything runs at its own pace: the simulation goes on for as long as a test lasts.
    await sim.run(async () => {
      await disk.makeDirectory('/store')
      file = await EpochFile.open(disk, '/store')
    })
    const save = file.save.bind(file)
    file.save = () => sim.run(save)
    onDisk = async () => (await sim.run(() => EpochFile.open(disk, '/store'))).history
    Object.assign(log, { minPhysicalOffset: 0, maxPhysicalOffset: 0 })
    seen = 3
    promise = undefined
    masterMin = 0
    calls = []
  })

  class Link implements LinkToMaster {
    isOpen = true
    holds: Promise<void>[] = []
    write(bytes: Uint8Array): void {
      calls.push(`write ${Buffer.from(bytes).toString('hex', 0, 16)}`)
    }
    begin({ expects }: RecordAssembler): void {
      calls.push(`begin at ${expects}`)
    }
    frame(physicalOffset: number, bodyBytes: number): void {
      calls.push(`frame of ${bodyBytes} at ${physicalOffset}`)
    }
    body(): void {}
    hold(until: Promise<void>): void {
      this.holds.push(until)
    }
    answerBeat(): void {
      calls.push('answer')
    }
    close(message: string): void {
      this.isOpen = false
      calls.push(`close: ${message}`)
    }
  }

  function meet(handshake: Partial<MasterHandshake>, { apache = false, promises = true } = {}) {
    const link = new Link()
    const dialect = new EpochMasterDialect({
      brokerId: 2,
      log: log as Bounds & ReplicatedLog,
      epochs: file,
      hello: apache ? undefined : HELLO,
      highestEpoch: () => seen,
      promiseEpoch: epoch =>
        new Promise(resolve => {
          const made = () => {
            seen = Math.max(seen, epoch)
            resolve()
          }
          promise = { epoch, made }
          if (promises) made()
        }),
      masterLog: async () => ({ minOffset: masterMin, maxOffset: 0 }),
      heard: epoch => calls.push(`heard ${epoch}`),
      onConfirm: offset => calls.push(`confirm ${offset}`),
      onTruncate: offset => calls.push(`truncate to ${offset}`),
      onTooFarBehind: minOffset => calls.push(`anew from ${minOffset}`),
    })
    dialect.open(link)
    calls.length = 0
    const entries = handshake.entries ?? epochs([3, 0])
    const lastEpoch = entries.at(-1)?.epoch ?? -1
    dialect.feed(encodeMasterHandshake({ end: 100, lastEpoch, ...handshake, entries }), link)
    return { link, dialect }
  }

  /** Everything that waits for nothing but turns of the event loop. */
  const settle = () => new Promise(resolve => setTimeout(resolve, 20))

  const frame = (fields: Partial<TransferHeader>) =>
    encodeTransferHeader({
      bodyBytes: 0,
      physicalOffset: 100,
      epoch: 3,
      epochStartOffset: 0,
      confirmOffset: 0,
      ...fields,
    })

  async function had(end: number, ...entries: [epoch: number, startOffset: number][]): Promise<void> {
    log.maxPhysicalOffset = end
    for (const entry of epochs(...entries)) file.history.append(entry)
    await file.save()
  }

  test('follows no master of an earlier epoch than it has seen', async () => {
    seen = 4
    const { link } = meet({})
    await settle()
    expect(calls).toEqual(['close: it is the master of epoch 3, and this member has seen epoch 4'])
    expect(link.isOpen).toBe(false)
  })

  test('answers nothing before its promise is on the disk', async () => {
    const { link } = meet({ entries: epochs([3, 0], [5, 80]) }, { promises: false })
    await settle()
    expect(promise?.epoch).toBe(5)
    expect(calls).toEqual(['heard 5'])
    promise!.made()
    await settle()
    expect(calls).toEqual(['heard 5', 'begin at 0'])
    expect(link.isOpen).toBe(true)
  })

  test('an epoch that it sees while it prepares ends it, before anything was said', async () => {
    meet({}, { promises: false })
    seen = 6
    promise!.made()
    await settle()
    expect(calls).toEqual(['heard 3', 'close: it is the master of epoch 3, and this member has seen epoch 6'])
  })

  test('says nothing to a master any more, and takes nothing from it, once it has seen a later epoch', async () => {
    const { link, dialect } = meet({})
    await settle()
    expect(dialect.report(0)).toEqual(encodeSlaveReport(0))
    seen = 4
    calls.length = 0
    expect(dialect.report(0)).toBeUndefined()
    dialect.feed(frame({ bodyBytes: 50 }), link)
    expect(calls).toEqual(['close: it is the master of epoch 3, and this member has seen epoch 4'])
  })

  test('follows an Apache master that has not noted its epoch: there is one in which nothing was written', async () => {
    seen = 4
    await had(100, [3, 0])
    meet({}, { apache: true })
    await settle()
    expect(promise?.epoch).toBe(4)
    expect(calls).toEqual(['heard 4', 'begin at 100'])
  })

  test.each<[string, number, [number, number][], [number, number][], string[]]>([
    ['the same', 100, [[3, 0]], [[3, 0]], ['begin at 100']],
    [
      'behind',
      60,
      [[3, 0]],
      [
        [3, 0],
        [4, 70],
      ],
      ['begin at 60'],
    ],
    [
      'ahead',
      130,
      [[3, 0]],
      [
        [3, 0],
        [4, 70],
      ],
      ['truncate to 70'],
    ],
    [
      'another epoch at the end',
      130,
      [
        [1, 0],
        [2, 90],
      ],
      [
        [1, 0],
        [3, 95],
      ],
      ['truncate to 90'],
    ],
    ['nothing in common', 100, [[1, 0]], [[2, 0]], ['anew from 0']],
    ['a log without a history', 100, [], [[2, 0]], ['anew from 0']],
  ])('%s', async (_, end, mine, theirs, wanted) => {
    await had(end, ...mine)
    meet({ entries: epochs(...theirs), lastEpoch: 4 })
    await settle()
    expect(calls.filter(call => !/^heard|^close/.test(call))).toEqual(wanted)
  })

  test('what its master has cleaned away it cannot go on with', async () => {
    await had(60, [3, 0])
    masterMin = 64
    meet({})
    await settle()
    expect(calls).toContain('anew from 64')
  })

  test('with nothing it begins where its master does, and knows what epochs there are up to there', async () => {
    await had(0, [1, 0])
    masterMin = 80
    meet({ entries: epochs([2, 0], [3, 70], [4, 90]) })
    await settle()
    expect(calls).toEqual(['heard 4', 'begin at 80'])
    expect(log.minPhysicalOffset).toBe(80)
    expect((await onDisk()).entries).toEqual(epochs([2, 0], [3, 70]))
  })

  test('still with nothing, and the place where it was to begin is gone too', async () => {
    log.startAt(80)
    masterMin = 160
    meet({})
    await settle()
    expect(calls).toContain('anew from 160')
  })

  test('takes over its master’s view of the epochs that it has', async () => {
    await had(100, [1, 0], [2, 50], [5, 100])
    meet({ entries: epochs([1, 0], [2, 50], [6, 100], [7, 120]), end: 130 })
    await settle()
    expect(calls).toEqual(['heard 7', 'begin at 100'])
    expect((await onDisk()).entries).toEqual(epochs([1, 0], [2, 50], [6, 100]))
  })

  describe('that follows', () => {
    let link: Link
    let dialect: EpochMasterDialect

    const following = async (options = {}) => {
      await had(100, [3, 0])
      ;({ link, dialect } = meet({}, options))
      await settle()
      calls.length = 0
    }
    const feed = (fields: Partial<TransferHeader>) => dialect.feed(frame(fields), link)

    test('answers each beat of ours at once, and confirms what it has', async () => {
      await following()
      feed({ confirmOffset: 90 })
      feed({ confirmOffset: 130 })
      expect(calls).toEqual([
        'frame of 0 at 100',
        'confirm 90',
        'answer',
        'heard 3',
        'frame of 0 at 100',
        'confirm 100',
        'answer',
        'heard 3',
      ])
    })

    test('does not answer Apache’s beats, of which some say nothing', async () => {
      await following({ apache: true })
      feed({ physicalOffset: -1, confirmOffset: -1 })
      feed({ confirmOffset: -1 })
      expect(calls).toEqual(['frame of 0 at -1', 'heard 3', 'frame of 0 at 100', 'heard 3'])
    })

    test('holds what is of a new epoch until the epoch is on the disk', async () => {
      await following()
      feed({ bodyBytes: 40, epoch: 4, epochStartOffset: 100 })
      expect(link.holds).toHaveLength(1)
      await link.holds[0]
      expect((await onDisk()).entries).toEqual(epochs([3, 0], [4, 100]))
    })

    test('takes the end of an epoch for what it is, although Apache’s masters label it with the next', async () => {
      await following({ apache: true })
      feed({ bodyBytes: 40, epoch: 4, epochStartOffset: 140 })
      expect(link.holds).toHaveLength(0)
      expect(file.history.entries).toEqual(epochs([3, 0]))
    })

    test.each<[string, Partial<TransferHeader>, string]>([
      ['an earlier epoch', { bodyBytes: 40, epoch: 2 }, 'a frame of epoch 2 at 100, behind epoch 3'],
      [
        'an epoch that began before',
        { bodyBytes: 40, epoch: 4, epochStartOffset: 90 },
        'epoch 4 begins at 90, and its first frame at 100',
      ],
    ])('refuses %s', async (_, fields, words) => {
      await following()
      expect(() => feed(fields)).toThrow(words)
      expect(file.history.entries).toEqual(epochs([3, 0]))
    })

    test('refuses a second handshake', async () => {
      await following()
      expect(() => dialect.feed(encodeMasterHandshake({ end: 0, lastEpoch: 3, entries: [] }), link)).toThrow(
        'a second handshake',
      )
    })
  })
})

describe('a master', () => {
  const log = Object.assign(new Bounds(), { maxPhysicalOffset: 150 })
  const master = (refusal: string | undefined) =>
    new EpochDialect({
      log: log as Bounds & ReplicatedLog,
      history: new EpochHistory(epochs([1, 0], [4, 100])),
      refusal: () => refusal,
      confirmOffset: () => 120,
    })

  test('says what it has, and knows who is there', () => {
    const dialect = master(undefined)
    const replies: Uint8Array[] = []
    dialect.feed(encodeSlaveHandshake(2, HELLO), bytes => replies.push(bytes))
    expect(replies).toEqual([encodeMasterHandshake({ end: 150, lastEpoch: 4, entries: epochs([1, 0], [4, 100]) })])
    expect(dialect.identity).toEqual({ brokerId: 2, storeId: 's2', bootId: 'b2', isLearner: false })
    expect(dialect.rhythm?.heartbeatIntervalMs).toBe(300)
  })

  test('of an Apache slave knows the id only, and leaves its rhythm', () => {
    const dialect = master(undefined)
    dialect.feed(encodeSlaveHandshake(2, undefined), () => {})
    expect(dialect.identity).toEqual({ brokerId: 2, storeId: '', bootId: '', isLearner: false })
    expect(dialect.rhythm).toBeUndefined()
  })

  test('says nothing to whom it refuses', () => {
    const dialect = master('it is none of mine')
    const replies: Uint8Array[] = []
    expect(() => dialect.feed(encodeSlaveHandshake(2, HELLO), bytes => replies.push(bytes))).toThrow(
      'it is none of mine',
    )
    expect(replies).toEqual([])
    expect(dialect.identity).toBeUndefined()
  })

  test.each([
    [0, 100, 1, 0],
    [99, 100, 1, 0],
    [100, Number.POSITIVE_INFINITY, 4, 100],
  ])('a frame from %d goes to %d at most, and says which epoch it is of', (offset, end, epoch, epochStartOffset) => {
    const dialect = master(undefined)
    expect(dialect.endAt(offset)).toBe(end)
    const heads: TransferHeader[] = []
    const handshake = encodeMasterHandshake({ end: 0, lastEpoch: 1, entries: [] })
    new MasterReader().feed(Buffer.concat([handshake, dialect.header(offset, 0)]), {
      handshake: () => {},
      frame: header => heads.push(header),
      body: () => {},
    })
    expect(heads).toEqual([{ bodyBytes: 0, physicalOffset: offset, epoch, epochStartOffset, confirmOffset: 120 }])
  })
})
