import { OstrakaError, peerIdOf, toHex, type Write } from '../base/index.ts'
import {
  type Ledger,
  type MemberRecord,
  memberPath,
  proveSealingKey,
  registerSealingKey,
  type TransactionContext,
} from '../control/index.ts'
import { generateSealingKey, ristretto255 } from '../crypto/index.ts'
import { type AnnounceSealingKey, canonicalBytes, DEFAULT_REFRESH_MS } from '../wire/index.ts'
import type { Work } from './ceremony-state.ts'
import { paths } from './paths.ts'
import type { SealingRecord, VersionRecord } from './records.ts'
import { slotsOf } from './slots.ts'
import { vaultPaths } from './vault.ts'

/**
 * Each key stays in the ledger for good. An honest node announces one a refresh period, and one more where it lost its disk; so
 * that none is ever refused, a node may have so many on the day it comes and so many more for each refresh period of the network.
 */
const FIRST_KEYS = 16
const KEYS_PER_REFRESH = 4

/**
 * Takes a node's next sealing key. Errors: `forbidden` (no member, or removed), `overloaded` (too many), `conflict` (revision, or a key that was registered before),
 * `malformed` (no group element, or not proven to be the node's).
 */
export function announceSealingKey(
  ledger: Ledger,
  { sealingKey, revision, possession }: AnnounceSealingKey,
  at: TransactionContext,
): void {
  const peerId = peerIdOf(at.signer)
  const member = ledger.get<MemberRecord>(memberPath(peerId))
  if (member === undefined || member.state === 'removed')
    throw new OstrakaError('forbidden', 'only members have sealing keys')
  const current = ledger.get<SealingRecord>(paths.sealing(peerId))?.revision ?? 0
  if (revision !== current) {
    throw new OstrakaError('conflict', 'the sealing key has changed meanwhile', { revision: current })
  }
  const { createdMs, timing } = ledger.genesis
  const periods = (at.timeMs - createdMs) / (timing.refreshMs ?? DEFAULT_REFRESH_MS)
  if (revision >= FIRST_KEYS + Math.floor(periods * KEYS_PER_REFRESH))
    throw new OstrakaError('overloaded', 'this node has announced too many sealing keys')
  const owner = { networkId: ledger.networkId, peerId, revision: revision + 1 }
  registerSealingKey(ledger, owner, sealingKey, possession)
  ledger.put(memberPath(peerId), { ...member, sealingKey })
  ledger.put(paths.sealing(peerId), { revision: revision + 1, sinceMs: at.timeMs } satisfies SealingRecord)
}

/** Unused sealing keys are looked for this much later than they may have become so, to look once for many keys. */
const ERASE_DELAY_SHARE = 0.05

/** Versions that one step of that search reads, in some tens of milliseconds. */
const SEARCHED_PER_STEP = 256

/**
 * Announces a fresh sealing key when the present one has served its time, or was lost; its secret is on disk before that.
 */
export function renewSealingKey(work: Work): void {
  const { state, ledger, rng, effects, nowMs } = work
  const { world } = state
  const member = ledger.get<MemberRecord>(memberPath(world.peerId))
  if (member === undefined) return
  const record = ledger.get<SealingRecord>(paths.sealing(world.peerId))
  const revision = record?.revision ?? 0
  // taken; or void, since a word of this node's from before a restart was taken instead
  if (state.pendingSealing?.revision !== revision) state.pendingSealing = undefined
  const isLost = !state.sealing.has(toHex(member.sealingKey))
  const dueMs = isLost ? nowMs : (record?.sinceMs ?? world.createdMs) + world.refreshMs
  effects.push({ type: 'timer', id: 'ceremony/sealing', atMs: Math.max(dueMs, nowMs + world.refreshMs / 10) })
  if (state.pendingSealing !== undefined || nowMs < dueMs) return
  const owner = { networkId: world.networkId, peerId: world.peerId, revision: revision + 1 }
  const origin = { hedge: world.identity.hedge, statement: canonicalBytes(owner) }
  const pair = generateSealingKey(rng, ristretto255, origin)
  const { bytes } = pair.publicKey
  state.sealing.set(toHex(bytes), pair)
  state.pendingSealing = { publicKey: toHex(bytes), revision }
  effects.push({
    type: 'persist',
    writes: [world.vault.lock(vaultPaths.sealing(bytes), pair.secretKey, rng)],
  })
  const possession = proveSealingKey(owner, pair, rng)
  const announced = { type: 'announce-sealing-key', sealingKey: bytes, revision, possession } as const
  effects.push({ type: 'submit', transaction: announced })
  eraseLater(work)
}

/** Has unused sealing keys looked for in a while. */
export function eraseLater({ state, effects, nowMs }: Work): void {
  if (state.sealing.size < 2) return
  const atMs = nowMs + state.world.refreshMs * ERASE_DELAY_SHARE
  effects.push({ type: 'timer', id: 'ceremony/erase', atMs })
}

/**
 * Erases the sealing keys that nothing is sealed under any more: old sealed shares that still lie in the DHT can then
 * never be opened (forward secrecy of shares).
 */
export function eraseSealingKeys(work: Work): void {
  const { state } = work
  state.erasure = { after: '', unused: new Set(state.sealing.keys()) }
  erasePage(work)
}

/**
 * Goes on with the search for unused sealing keys. A ceremony that opens meanwhile seals under the present key or a later
 * one, and one that ends meanwhile was tracked before: neither can need a key that is taken for unused.
 */
export function erasePage(work: Work): void {
  const { state, ledger, effects, nowMs } = work
  const { erasure } = state
  if (erasure === undefined) return
  const { unused } = erasure
  const { peerId } = state.world
  const member = ledger.get<MemberRecord>(memberPath(peerId))
  if (member !== undefined) unused.delete(toHex(member.sealingKey))
  if (state.pendingSealing !== undefined) unused.delete(state.pendingSealing.publicKey)
  for (const ceremony of state.tracked.values()) {
    for (const { sealingKey } of slotsOf(ceremony.slots, peerId)) unused.delete(toHex(sealingKey))
  }
  const page = ledger.page<VersionRecord>(paths.allVersions, erasure.after, SEARCHED_PER_STEP)
  for (const { value: version } of page) {
    if (version.state === 'destroyed') continue
    for (const { sealingKey } of slotsOf(version.slots, peerId)) unused.delete(toHex(sealingKey))
  }
  if (page.length === SEARCHED_PER_STEP) {
    erasure.after = page.at(-1)!.path
    effects.push({ type: 'timer', id: 'ceremony/erase-page', atMs: nowMs })
    return
  }
  state.erasure = undefined
  const writes: Write[] = []
  for (const name of unused) {
    const pair = state.sealing.get(name)!
    state.sealing.delete(name)
    pair.secretKey.wipe()
    writes.push({ key: vaultPaths.sealing(pair.publicKey.bytes), value: null })
  }
  if (writes.length > 0) effects.push({ type: 'persist', writes })
}
