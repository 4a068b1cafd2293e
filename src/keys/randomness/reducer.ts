import { OstrakaError, peerIdOf } from '../../base/index.ts'
import {
  type BlockContext,
  type ChainRecord,
  type Ledger,
  type MemberRecord,
  memberPath,
  setSeed,
  type TransactionContext,
} from '../../control/index.ts'
import { combineDraws, type Element, fallbackRandomness, isRightDraw } from '../../crypto/index.ts'
import type { Randomness, RandomnessDraw } from '../../wire/index.ts'
import { convict } from '../ceremony-rules.ts'
import { paths } from '../paths.ts'
import type { VersionRecord } from '../records.ts'
import {
  type CollectingRecord,
  type Draws,
  decodeCommitments,
  decodeDraw,
  networkVersion,
  type RandomnessRecord,
  randomnessOf,
  type SettledRecord,
  settledRandomness,
} from './records.ts'

/** Epochs whose randomness the ledger keeps with its proofs; blocks have those before. */
const KEPT_EPOCHS = 4

function conflict(why: string, details: Readonly<Record<string, unknown>> = {}): never {
  throw new OstrakaError('conflict', why, details)
}

/**
 * Takes a holder's parts of the present or the next epoch's randomness, which it has not drawn yet. What costs least is
 * looked at first. A part that its own proof does not bear out convicts its signer: an honest holder signs only what
 * it has made with the share that the commitments of just this generation promise.
 * Errors: `conflict` (another epoch, settled, another share set, said before), `forbidden`, `malformed`.
 */
export function takeRandomness(ledger: Ledger, transaction: Randomness, at: TransactionContext): void {
  const { epoch, partials } = transaction
  if (epoch < at.epoch || epoch > at.epoch + 1) conflict('not the present epoch or the next', { epoch })
  const record = randomnessOf(ledger, epoch)
  if (record?.stage === 'settled') conflict('this epoch’s randomness is settled', { epoch })
  const version = networkVersion(ledger)
  if (version?.version !== transaction.version || version.generation !== transaction.generation) {
    const { version: active = 0, generation = 0 } = version ?? {}
    conflict('not the share set of the network’s key that serves', { version: active, generation })
  }
  checkSender(ledger, version, partials, at)
  const draws = drawsSoFar(record, version)
  for (const { slot } of partials) {
    if (draws.partials.some(known => known.slot === slot)) conflict('this slot has been heard', { slot })
  }
  const commitments = decodeCommitments(version.commitments)
  if (!partials.every(partial => isRight(epoch, commitments, partial))) {
    convict(ledger, at.signer, 'bad_partial', at)
    return
  }
  const all = [...draws.partials, ...partials].sort((a, b) => a.slot - b.slot)
  const next: CollectingRecord = { stage: 'collecting', epoch, draws: { ...draws, partials: all } }
  ledger.put(paths.randomness(epoch), next)
}

function checkSender(
  ledger: Ledger,
  { slots }: VersionRecord,
  partials: readonly RandomnessDraw[],
  at: TransactionContext,
): void {
  const peerId = peerIdOf(at.signer)
  const member = ledger.get<MemberRecord>(memberPath(peerId))
  if (member?.state !== 'active') throw new OstrakaError('forbidden', 'only active members are heard')
  if (ledger.get(paths.conviction(peerId)) !== undefined) throw new OstrakaError('forbidden', 'convicted')
  if (partials.length === 0) throw new OstrakaError('malformed', 'no partials')
  for (const [index, { slot }] of partials.entries()) {
    const isHeld = slots.some(held => held.slot === slot && held.peerId === peerId)
    if (!isHeld) throw new OstrakaError('forbidden', 'another’s slot', { slot })
    if (index > 0 && partials[index - 1]!.slot >= slot) {
      throw new OstrakaError('malformed', 'slots are not in order')
    }
  }
}

/** Parts of a share set that is gone count only if they suffice, since those of two sets do not go together. */
function drawsSoFar(record: RandomnessRecord | undefined, version: VersionRecord): Draws {
  const { generation, commitments } = version
  const fresh: Draws = { version: version.version, generation, commitments, partials: [] }
  if (record?.stage !== 'collecting') return fresh
  const { draws } = record
  if (draws.version === version.version && draws.generation === generation) return draws
  if (isEnough(draws)) conflict('enough is known from the share set before')
  return fresh
}

function isEnough({ partials, commitments }: Draws): boolean {
  return partials.length >= commitments.length
}

function isRight(epoch: number, commitments: readonly Element[], partial: RandomnessDraw): boolean {
  try {
    return isRightDraw(epoch, commitments, decodeDraw(partial))
  } catch {
    // not an element at all: no honest holder says so
    return false
  }
}

/** Block end: the block that opens an epoch settles its randomness, which ranks the validators from the next block on. */
export function settleRandomness(ledger: Ledger, { epoch, height }: BlockContext): void {
  if (epoch === 0) return
  const record = randomnessOf(ledger, epoch)
  if (record?.stage === 'settled') return
  const settled = settle(ledger, epoch, height, record)
  ledger.put(paths.randomness(epoch), settled)
  setSeed(ledger, settled.value)
  forget(ledger, epoch)
}

function settle(
  ledger: Ledger,
  epoch: number,
  height: number,
  record: CollectingRecord | undefined,
): SettledRecord {
  const base = { stage: 'settled', epoch, height } as const
  if (record !== undefined && isEnough(record.draws)) {
    const { draws } = record
    return { ...base, source: 'key', value: combineDraws(epoch, draws.partials.map(decodeDraw)), draws }
  }
  if (networkVersion(ledger) === undefined) {
    const { seed } = ledger.get<ChainRecord>('chain')!
    return { ...base, source: 'certificate', value: seed }
  }
  const previous = settledRandomness(ledger).at(-1)?.value ?? ledger.networkId
  return { ...base, source: 'fallback', value: fallbackRandomness(epoch, previous), previous }
}

/** Drops what is old, and what was collected for epochs that no block has opened. */
function forget(ledger: Ledger, epoch: number): void {
  const kept = new Set(
    settledRandomness(ledger)
      .slice(-KEPT_EPOCHS)
      .map(record => record.epoch),
  )
  for (const { path, value } of ledger.list<RandomnessRecord>(paths.randomnesses)) {
    const isKept = value.stage === 'settled' ? kept.has(value.epoch) : value.epoch > epoch
    if (!isKept) ledger.delete(path)
  }
}
