import { compareText, equalBytes, type PeerId } from '../base/index.ts'
import type { BlockContext, Ledger, LedgerReader } from '../control/index.ts'
import { quorumOf } from '../control/index.ts'
import { sha256 } from '../crypto/index.ts'
import { canonicalBytes, type Member } from '../wire/index.ts'
import { type Standing, standingOf } from './eligible.ts'
import { queueHandoff, URGENCY } from './handoff-queue.ts'
import { isNetworkKey, NOBODY } from './network-key.ts'
import { paths } from './paths.ts'
import type { Handoff, KeyRecord, RecipientSlot, SweepRecord, VersionRecord } from './records.ts'
import { assignSlots, mostSlotsPerNode } from './slots.ts'

/**
 * Versions that one block looks at while a sweep goes on. Each that must be repaired costs about half a millisecond, most
 * of it the hashes of two new records' branches.
 */
export const SWEPT_PER_BLOCK = 64

/** Between two blocks of a sweep, so that it leaves the log most of its time: 100,000 versions take some four minutes. */
const SWEEP_PAUSE_MS = 100

export interface FoundVersion {
  readonly key: KeyRecord
  readonly version: VersionRecord
}

/** A version that is not destroyed, with its key. */
export function findVersion(
  ledger: LedgerReader,
  keyId: Uint8Array,
  version: number,
): FoundVersion | undefined {
  const record = ledger.get<VersionRecord>(paths.version(keyId, version))
  const name = ledger.get<{ readonly name: string }>(paths.keyName(keyId))?.name
  const key = name === undefined ? undefined : ledger.get<KeyRecord>(paths.key(name))
  return key === undefined || record === undefined || record.state === 'destroyed'
    ? undefined
    : { key, version: record }
}

/**
 * Block end. Keeps every version at full strength: when the members that may hold slots change, a sweep goes through all
 * versions, a few in each block, and queues those that lack a slot. A change meanwhile begins it anew.
 */
export function sweepVersions(ledger: Ledger, at: BlockContext): void {
  const standing = standingOf(ledger)
  const members = sha256(canonicalBytes([idsOf(standing.eligible), idsOf(standing.accepted)]))
  const before = ledger.get<SweepRecord>(paths.sweep)
  const isChanged = before !== undefined && !equalBytes(before.members, members)
  const from = isChanged ? paths.allVersions : (before?.after ?? '')
  if (from === '') {
    if (before === undefined) ledger.put(paths.sweep, { members, after: '' } satisfies SweepRecord)
    return
  }
  const page = ledger.page<VersionRecord>(paths.allVersions, from, SWEPT_PER_BLOCK)
  for (const { path, value } of page) ledger.isolate(path, () => queueIfLacking(ledger, value, standing))
  const after = page.length < SWEPT_PER_BLOCK ? '' : page.at(-1)!.path
  ledger.put(paths.sweep, { members, after } satisfies SweepRecord)
  if (after !== '') ledger.wakeAt(at.timeMs + SWEEP_PAUSE_MS, paths.sweep)
}

function idsOf(members: readonly Member[]): PeerId[] {
  return members.map(member => member.peerId).sort(compareText)
}

/**
 * Queues the repair of a version that lacks a slot, the more urgent the fewer holders it can still lose. One that has too
 * few left to be handed on waits for a member to come back, which begins a sweep.
 */
export function queueIfLacking(
  ledger: Ledger,
  { keyId, version: number }: Pick<VersionRecord, 'keyId' | 'version'>,
  standing: Standing,
): void {
  const found = findVersion(ledger, keyId, number)
  if (found === undefined || repairOf(found, standing) === undefined) return
  const { slots, threshold } = found.version
  const alive = new Set(standing.eligible.map(({ peerId }) => peerId))
  const margin = slots.filter(({ peerId }) => alive.has(peerId)).length - threshold
  if (margin < 0) return
  queueHandoff(ledger, found.version, { urgency: URGENCY.repair(margin), staleBeforeMs: 0 })
}

/** What would bring a version to the strength that its key wants; undefined when nothing would change. */
export function repairOf({ key, version }: FoundVersion, standing: Standing): Handoff | undefined {
  // that one is kept by `keepNetworkKey`
  if (isNetworkKey(key)) return undefined
  const { threshold } = version
  const wanted = version.version === key.activeVersion ? key.shares : version.slots.length
  const slots = filledSlots(version, wanted, standing)
  const isSame =
    slots.length === version.slots.length &&
    slots.every(slot => version.slots.some(old => old.slot === slot.slot && old.peerId === slot.peerId))
  if (isSame || slots.length < threshold) return undefined
  return { purpose: 'repair', creator: NOBODY, threshold, shares: wanted, slots }
}

/**
 * Slots at standing members stay where they are; the others, and those that were lacking, go to whoever has room. A slot
 * at a member whose attestation is not accepted moves too, but only to an accepted one that has room for it, and
 * only as long as a quorum of the members is accepted: a mistaken policy costs no key a slot.
 */
function filledSlots(version: VersionRecord, wanted: number, standing: Standing): RecipientSlot[] {
  const { eligible: members, accepted } = standing
  const kept = version.slots.flatMap(({ slot, peerId }) => {
    const member = members.find(candidate => candidate.peerId === peerId)
    return member === undefined ? [] : [{ slot, peerId, sealingKey: member.sealingKey }]
  })
  const room = new Room(version, accepted, kept)
  const lacking = Array.from({ length: wanted }, (_, index) => index + 1).filter(
    slot => !kept.some(held => held.slot === slot),
  )
  const added = lacking.flatMap(slot => room.place(slot) ?? [])
  const isMoving = movesUnaccepted(members.length, accepted.length)
  const moved = kept.map(held => {
    const mayStay = !isMoving || accepted.some(member => member.peerId === held.peerId)
    return mayStay ? held : (room.place(held.slot) ?? held)
  })
  return [...moved, ...added].sort((a, b) => a.slot - b.slot)
}

/** Whether slots leave members that are not accepted: where fewer than a quorum is, the policy is the likelier fault. */
export function movesUnaccepted(eligible: number, accepted: number): boolean {
  return accepted >= quorumOf(eligible)
}

/** Who can take one more slot of a version. */
class Room {
  readonly #load = new Map<PeerId, number>()
  readonly #order: readonly RecipientSlot[]
  readonly #most: number

  constructor(version: VersionRecord, accepted: readonly Member[], kept: readonly RecipientSlot[]) {
    for (const { peerId } of kept) this.#load.set(peerId, this.#carried(peerId) + 1)
    this.#order = assignSlots(version.keyId, accepted, version.threshold, accepted.length)
    this.#most = mostSlotsPerNode(version.threshold)
  }

  /** The slot at the least loaded accepted member; undefined when all are full. */
  place(slot: number): RecipientSlot | undefined {
    const next = this.#order
      .filter(({ peerId }) => this.#carried(peerId) < this.#most)
      .sort((a, b) => this.#carried(a.peerId) - this.#carried(b.peerId))[0]
    if (next === undefined) return undefined
    this.#load.set(next.peerId, this.#carried(next.peerId) + 1)
    return { slot, peerId: next.peerId, sealingKey: next.sealingKey }
  }

  #carried(peerId: PeerId): number {
    return this.#load.get(peerId) ?? 0
  }
}
