import { equalBytes, type Write } from '../base/index.ts'
import type { CeremonyState, Work } from './ceremony-state.ts'
import { dealingName } from './ceremony-state.ts'
import { dropNeed, need } from './fetching.ts'
import { closeComplaints } from './late-evidence.ts'
import { eraseLeftovers, forgetOwnDealing } from './leftovers.ts'
import { paths } from './paths.ts'
import { completeShares, forgetDealings, forgetShares, hasShares } from './receiving.ts'
import type { CeremonyRecord, DealRecord, KeyRecord, RetiredRecord, Slot, VersionRecord } from './records.ts'
import { eraseLater } from './sealing-keys.ts'
import { slotsOf } from './slots.ts'
import { vaultPaths } from './vault.ts'
import { versionOf } from './version-rules.ts'

/** Versions that one step looks at, in some tens of milliseconds, so that votes and requests pass between two steps. */
export const SCANNED_PER_STEP = 128

/** A ceremony that was open is so no more: takes over what it made, or forgets what it left. */
export function endCeremony(work: Work, ceremony: CeremonyRecord, deals: readonly DealRecord[]): void {
  const { state, effects } = work
  const version = versionOf(work.ledger, ceremony.keyId, ceremony.version)
  const isActive = version !== undefined && equalBytes(version.ceremony, ceremony.id)
  const unused = isActive ? deals.filter(deal => !isPartOf(version, deal)) : deals
  for (const [hash, wanted] of state.needs) {
    if (unused.some(deal => equalBytes(deal.recordHash, wanted.dealing.recordHash))) dropNeed(work, hash)
  }
  const writes = [
    ...forgetDealings(state, unused),
    ...unused.map(({ recordHash }) => ({ key: vaultPaths.record(recordHash), value: null })),
    ...ceremony.dealers.flatMap(({ fromSlot }) => forgetOwnDealing(work, dealingName(ceremony.id, fromSlot))),
  ]
  if (writes.length > 0) effects.push({ type: 'persist', writes })
  closeComplaints(work, ceremony, deals)
  if (isActive) completeVersion(work, version, ceremony.kind)
}

function isPartOf(version: VersionRecord, deal: DealRecord): boolean {
  return version.dealings.some(({ recordHash }) => equalBytes(recordHash, deal.recordHash))
}

/**
 * Sums up this node's shares of a version that serves, or searches for what is missing; and erases the shares of
 * earlier generations, in the same batch as the new ones are stored: a crash leaves the old or the new.
 */
export function completeVersion(work: Work, version: VersionRecord, kind: CeremonyRecord['kind']): void {
  const { state, effects, rng } = work
  const { keyId, generation } = version
  const slots = slotsOf(version.slots, state.world.peerId)
  const missing = slots.filter(
    ({ slot }) => !state.shares.has(vaultPaths.share(keyId, version.version, generation, slot)),
  )
  const writes: Write[] = []
  if (missing.length > 0) {
    const made = completeShares(state, state.world.vault, version, kind, slots, rng)
    if (made === undefined) searchFor(work, version, kind)
    else writes.push(...made)
  }
  if (missing.length === 0 || writes.length > 0) writes.push(...forgetDealings(state, version.dealings))
  writes.push(...forgetShares(state, keyId, version.version, generation))
  noteLacking(state, version, slots)
  for (const { recordHash } of version.dealings)
    state.scan?.unclaimed.delete(vaultPaths.subshares(recordHash))
  if (writes.length > 0) effects.push({ type: 'persist', writes })
  eraseLater(work)
}

function noteLacking(
  state: CeremonyState,
  { keyId, version, generation }: VersionRecord,
  slots: readonly Slot[],
): void {
  const path = paths.version(keyId, version)
  const lacking = slots.filter(
    ({ slot }) => !state.shares.has(vaultPaths.share(keyId, version, generation, slot)),
  )
  if (lacking.length > 0) state.lacking.set(path, lacking.length)
  else state.lacking.delete(path)
}

function searchFor(work: Work, version: VersionRecord, kind: CeremonyRecord['kind']): void {
  const { state } = work
  const slots = slotsOf(version.slots, state.world.peerId)
  const order = version.slots.map(({ slot }) => slot)
  const ceremony = { id: version.ceremony, keyId: version.keyId, version: version.version, kind }
  for (const dealing of version.dealings) {
    if (!hasShares(state, dealing, slots)) need(work, { ceremony, place: -1, dealing, order, slots })
  }
}

/** Looks at every version in the ledger for shares that should be here and are not, or are and should not be. */
export function scanVersions(work: Work): void {
  const { state } = work
  state.lacking.clear()
  state.scan = { after: '', unclaimed: new Set(state.subshares.subjects()) }
  scanPage(work)
}

/** Goes on with the scan. A version that changes behind it is looked at then, as its ceremony ends. */
export function scanPage(work: Work): void {
  const { state, ledger, effects, nowMs } = work
  const { scan } = state
  if (scan === undefined) return
  const page = ledger.page<VersionRecord>(paths.allVersions, scan.after, SCANNED_PER_STEP)
  for (const { value: version } of page) {
    if (version.state === 'destroyed') eraseVersion(work, version)
    else completeVersion(work, version, kindOf(work, version))
  }
  if (page.length === SCANNED_PER_STEP) {
    scan.after = page.at(-1)!.path
    effects.push({ type: 'timer', id: 'ceremony/scan', atMs: nowMs })
    return
  }
  state.scan = undefined
  eraseLeftovers(work, scan.unclaimed)
}

export function kindOf({ ledger }: Work, { keyId }: VersionRecord): KeyRecord['kind'] {
  const { name } = ledger.get<{ readonly name: string }>(paths.keyName(keyId))!
  return ledger.get<KeyRecord>(paths.key(name))!.kind
}

/** Erases what the last block destroyed. */
export function eraseRetired(work: Work): void {
  for (const { value } of work.ledger.list<RetiredRecord>(paths.allRetired)) eraseVersion(work, value)
}

function eraseVersion(work: Work, { keyId, version }: Pick<VersionRecord, 'keyId' | 'version'>): void {
  work.state.lacking.delete(paths.version(keyId, version))
  const writes = forgetShares(work.state, keyId, version)
  if (writes.length > 0) work.effects.push({ type: 'persist', writes })
}
