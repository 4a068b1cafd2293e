import { equalBytes, OstrakaError } from '../base/index.ts'
import {
  type BlockContext,
  countQueued,
  giveVersionBack,
  type Ledger,
  quotaOf,
  usageOf,
} from '../control/index.ts'
import { forgetCreation, openCeremonies, openCeremony } from './ceremony-rules.ts'
import { acceptedMembers } from './eligible.ts'
import { paths } from './paths.ts'
import type { CeremonyRecord, CreationsRecord, KeyRecord, QueuedCreation, RecipientSlot } from './records.ts'
import { assignSlots, dealingsNeeded, newSecretDealers, nodesOf, tooFewSlots } from './slots.ts'

/** Ceremonies that principals asked for, of all of them together: one block may carry a word of each of their holders. */
export const MAX_RUNNING = 32

/** Creations that wait, of all principals together: each block looks through them. */
export const MAX_QUEUED = 1024

/** About when some creations have ended: an earlier try is likely to be refused again. */
const QUEUE_RETRY_MS = 5_000

/** An importing client first learns its recipients, then deals: it gets longer than a daemon. */
const IMPORT_DEAL_MS = 60_000

/** Ceremonies that principals asked for. */
function running(ledger: Ledger): CeremonyRecord[] {
  return openCeremonies(ledger).filter(({ creator }) => creator.length > 0)
}

function hasRoom(ledger: Ledger, ceremonies: readonly CeremonyRecord[], principal: Uint8Array): boolean {
  const own = ceremonies.filter(({ creator }) => equalBytes(creator, principal))
  return ceremonies.length < MAX_RUNNING && own.length < quotaOf(ledger, principal).ceremonies
}

/** Room for a ceremony that does not wait. Errors: `overloaded` { quota, limit, retryAfterMs }. */
export function requireRoom(ledger: Ledger, principal: Uint8Array): void {
  if (!hasRoom(ledger, running(ledger), principal))
    refuse('ceremonies', quotaOf(ledger, principal).ceremonies)
}

function refuse(quota: string, limit: number): never {
  throw new OstrakaError('overloaded', 'too many ceremonies run or wait', {
    ...{ quota, limit, retryAfterMs: QUEUE_RETRY_MS },
  })
}

/** About what dealers and holders say in the log of one ceremony: deals with their commitments, acknowledgements. */
export function ceremonyLogBytes(
  slots: readonly RecipientSlot[],
  dealers: number,
  threshold: number,
): number {
  return (
    dealers * (DEAL_BYTES + COMMITMENT_BYTES * threshold) +
    nodesOf(slots).length * (ACKNOWLEDGE_BYTES + dealers)
  )
}

const DEAL_BYTES = 512
const COMMITMENT_BYTES = 36
const ACKNOWLEDGE_BYTES = 256

/**
 * nothing -> dealing, or queued while too many run: the key has its name and its ceremony's id already. A client that
 * imports does not wait, since it must be there to deal. Errors: `overloaded` { quota, limit, retryAfterMs }.
 */
export function beginOrQueue(ledger: Ledger, creation: QueuedCreation, at: BlockContext): void {
  const { creator, isImport } = creation
  const { queued } = usageOf(ledger, creator)
  if ((queued === 0 || isImport) && hasRoom(ledger, running(ledger), creator)) {
    begin(ledger, creation, at)
    return
  }
  const { queued: limit, ceremonies } = quotaOf(ledger, creator)
  if (isImport) refuse('ceremonies', ceremonies)
  if (queued >= limit) refuse('queued', limit)
  const { next, waiting } = ledger.get<CreationsRecord>(paths.creations) ?? { next: 0, waiting: 0 }
  if (waiting >= MAX_QUEUED) refuse('network', MAX_QUEUED)
  countQueued(ledger, creator, 1)
  ledger.put(paths.creations, { next: next + 1, waiting: waiting + 1 } satisfies CreationsRecord)
  ledger.put(paths.creation(next), creation)
  const key = ledger.get<KeyRecord>(paths.key(creation.name))!
  ledger.put(paths.key(creation.name), { ...key, ceremony: creation.ceremony })
}

/** Block end: the creations that wait begin in their order, each as soon as there is room for its principal. */
export function openCreations(ledger: Ledger, at: BlockContext): void {
  const waiting = ledger.page<QueuedCreation>(paths.queuedCreations, '', MAX_QUEUED)
  for (const { path, value } of waiting) {
    const ceremonies = running(ledger)
    if (ceremonies.length >= MAX_RUNNING) return
    if (!hasRoom(ledger, ceremonies, value.creator)) continue
    const error = ledger.attempt(() => {
      leaveQueue(ledger, path, value)
      begin(ledger, value, at)
    })
    if (error === undefined) continue
    leaveQueue(ledger, path, value)
    const { keyId } = ledger.get<KeyRecord>(paths.key(value.name))!
    giveVersionBack(ledger, value.creator)
    forgetCreation(ledger, value.name, keyId, error.message)
  }
}

function leaveQueue(ledger: Ledger, path: string, { creator, name }: QueuedCreation): void {
  ledger.delete(path)
  countQueued(ledger, creator, -1)
  const { next, waiting } = ledger.get<CreationsRecord>(paths.creations)!
  ledger.put(paths.creations, { next, waiting: waiting - 1 } satisfies CreationsRecord)
  const key = ledger.get<KeyRecord>(paths.key(name))!
  ledger.put(paths.key(name), { ...key, ceremony: new Uint8Array(0) })
}

/** nothing or queued -> dealing. Errors: `not_enough_nodes`. */
function begin(
  ledger: Ledger,
  { name, ceremony: id, creator, isImport }: QueuedCreation,
  at: BlockContext,
): void {
  const { keyId, kind, threshold, shares } = ledger.get<KeyRecord>(paths.key(name))!
  const slots = creationSlots(ledger, keyId, threshold, shares)
  openCeremony(ledger, {
    ...{ id, name, keyId, version: 1, generation: 0, kind, creator },
    ...{ threshold, shares, slots, height: at.height },
    purpose: isImport ? 'import' : 'create',
    dealers: isImport ? [{ dealer: creator, fromSlot: 0 }] : newSecretDealers(slots),
    dealingsNeeded: isImport ? 1 : dealingsNeeded(threshold, slots),
    stage: 'dealing',
    deadlineMs: at.timeMs + (isImport ? IMPORT_DEAL_MS : ledger.genesis.timing.dealMs),
    ...{ dealt: [], disqualified: [], acknowledged: [] },
  })
}

/** Errors: `not_enough_nodes` { needed, available }. */
export function creationSlots(
  ledger: Ledger,
  keyId: Uint8Array,
  threshold: number,
  shares: number,
): RecipientSlot[] {
  const slots = assignSlots(keyId, acceptedMembers(ledger), threshold, shares)
  if (slots.length < threshold) {
    throw tooFewSlots(threshold, slots.length)
  }
  return slots
}
