import { compareText, concat, type PeerId, utf8 } from '../base/index.ts'
import { type HookContext, type Ledger, quorumOf } from '../control/index.ts'
import { sha256 } from '../crypto/index.ts'
import { DEFAULT_REFRESH_MS, type Member } from '../wire/index.ts'
import { isHandoff, openCeremonies, openCeremony, requireCeremony } from './ceremony-rules.ts'
import { type Handoff, handoffCeremony, refreshedSlots } from './change-handlers.ts'
import { acceptedMembers, eligibleMembers } from './handlers.ts'
import { isNetworkKey } from './network-key.ts'
import { paths } from './paths.ts'
import type { KeyRecord, RecipientSlot, RepairRecord, VersionRecord } from './records.ts'
import { assignSlots, mostSlotsPerNode } from './slots.ts'

/** Handoffs that the network opens by itself run at most this many at a time: clients' own ceremonies come first. */
const MAX_OPEN = 4

/** A handoff that could not be opened or failed is tried again after this long. */
export const RETRY_MS = 5_000

const REFRESH = 'refresh/'
const RETRY = 'repairs'

interface Found {
  readonly key: KeyRecord
  readonly version: VersionRecord
}

function find(ledger: Ledger, keyId: Uint8Array, version: number): Found | undefined {
  const record = ledger.get<VersionRecord>(paths.version(keyId, version))
  const name = ledger.get<{ readonly name: string }>(paths.keyName(keyId))?.name
  const key = name === undefined ? undefined : ledger.get<KeyRecord>(paths.key(name))
  return key === undefined || record === undefined || record.state === 'destroyed'
    ? undefined
    : { key, version: record }
}

function hasRoom(ledger: Ledger): boolean {
  const own = openCeremonies(ledger)
    .map(id => requireCeremony(ledger, id))
    .filter(ceremony => isHandoff(ceremony) && !isNetworkKey(ceremony))
  return own.length < MAX_OPEN
}

/** Opens a handoff unless it cannot be now; a ceremony's id comes from what it is about and when. */
function tryOpen(ledger: Ledger, { key, version }: Found, handoff: Handoff, at: HookContext): boolean {
  if (key.ceremony.length > 0 || !hasRoom(ledger)) return false
  const cause = sha256(
    concat(utf8(`${paths.version(key.keyId, version.version)}/${version.generation}/`), at.blockId),
  )
  try {
    openCeremony(ledger, handoffCeremony(ledger, key, version, handoff, cause, at))
    return true
  } catch {
    return false
  }
}

/** Refreshes the versions whose shares have reached their age. */
export function openRefreshes(ledger: Ledger, at: HookContext): void {
  for (const { subject } of at.due) {
    if (!subject.startsWith(REFRESH)) continue
    const due = ledger.get<VersionRecord>(subject.slice(REFRESH.length))
    const found = due && find(ledger, due.keyId, due.version)
    if (found === undefined) continue
    const { dealMs, acknowledgeMs, refreshMs = DEFAULT_REFRESH_MS } = ledger.genesis.timing
    if (at.timeMs - found.version.timeMs < refreshMs) continue
    const isOpen = tryRefresh(ledger, found, at)
    // a refresh that ends well has made the version young again by then
    ledger.wakeAt(at.timeMs + RETRY_MS + (isOpen ? dealMs + acknowledgeMs : 0), subject)
  }
}

function tryRefresh(ledger: Ledger, found: Found, at: HookContext): boolean {
  const { version, key } = found
  const { threshold } = version
  const slots = refreshedSlots(ledger, version)
  return tryOpen(ledger, found, { purpose: 'refresh', threshold, shares: key.shares, slots }, at)
}

/** Opens a refresh of this version; false when that cannot be now. */
export function openRefresh(ledger: Ledger, { keyId, version }: VersionRecord, at: HookContext): boolean {
  const found = find(ledger, keyId, version)
  return found !== undefined && tryRefresh(ledger, found, at)
}

/**
 * Keeps every version at full strength: when the members that may hold slots change, the versions that lack one are
 * queued, those nearest to losing their threshold first, and reshared to members that stand, a few at a time.
 */
export function scheduleRepairs(ledger: Ledger, at: HookContext): void {
  const eligible = sortedIds(eligibleMembers(ledger))
  const accepted = sortedIds(acceptedMembers(ledger))
  const record = ledger.get<RepairRecord>(paths.repairs)
  const isChanged =
    record !== undefined && !(sameList(record.eligible, eligible) && sameList(record.accepted, accepted))
  const isRetry = at.due.some(({ subject }) => subject === RETRY)
  if (record === undefined)
    ledger.put(paths.repairs, { eligible, accepted, queue: [] } satisfies RepairRecord)
  if (record === undefined || !(isChanged || isRetry || record.queue.length > 0)) return
  const queue = isChanged || isRetry ? endangered(ledger, eligible) : record.queue
  const rest: RepairRecord['queue'][number][] = []
  for (const entry of queue) {
    const found = find(ledger, entry.keyId, entry.version)
    const handoff = found && repairOf(ledger, found)
    if (found === undefined || handoff === undefined) continue
    tryOpen(ledger, found, handoff, at)
    rest.push(entry)
  }
  if (rest.length > 0) ledger.wakeAt(at.timeMs + RETRY_MS, RETRY)
  if (isChanged || isRetry || rest.length !== record.queue.length) {
    ledger.put(paths.repairs, { eligible, accepted, queue: rest } satisfies RepairRecord)
  }
}

function sortedIds(members: readonly Member[]): PeerId[] {
  return members.map(member => member.peerId).sort(compareText)
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}

/** The versions that lack a slot, by how many holders they can still lose. */
function endangered(ledger: Ledger, eligible: readonly PeerId[]): RepairRecord['queue'] {
  const standing = new Set(eligible)
  const lacking: { readonly version: VersionRecord; readonly margin: number }[] = []
  for (const { value: version } of ledger.list<VersionRecord>('version/')) {
    const found = find(ledger, version.keyId, version.version)
    if (found === undefined || repairOf(ledger, found) === undefined) continue
    const alive = version.slots.filter(slot => standing.has(slot.peerId)).length
    lacking.push({ version, margin: alive - version.threshold })
  }
  return lacking
    .sort((a, b) => a.margin - b.margin || compareText(pathOf(a.version), pathOf(b.version)))
    .map(({ version: { keyId, version } }) => ({ keyId, version }))
}

function pathOf({ keyId, version }: VersionRecord): string {
  return paths.version(keyId, version)
}

/** What would bring a version to the strength that its key wants; undefined when nothing would change. */
function repairOf(ledger: Ledger, { key, version }: Found): Handoff | undefined {
  // that one is kept by `keepNetworkKey`
  if (isNetworkKey(key)) return undefined
  const { threshold } = version
  const wanted = version.version === key.activeVersion ? key.shares : version.slots.length
  const slots = filledSlots(ledger, version, wanted)
  const isSame =
    slots.length === version.slots.length &&
    slots.every(slot => version.slots.some(old => old.slot === slot.slot && old.peerId === slot.peerId))
  if (isSame || slots.length < threshold) return undefined
  return { purpose: 'repair', threshold, shares: wanted, slots }
}

/**
 * Slots at standing members stay where they are; the others, and those that were lacking, go to whoever has room. A slot
 * at a member whose attestation is not accepted moves too, but only to an accepted one that has room for it, and
 * only as long as a quorum of the members is accepted: a mistaken policy costs no key a slot.
 */
function filledSlots(ledger: Ledger, version: VersionRecord, wanted: number): RecipientSlot[] {
  const members = eligibleMembers(ledger)
  const accepted = acceptedMembers(ledger)
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
