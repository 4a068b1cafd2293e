import { equalBytes } from '../base/index.ts'
import type { Ledger, LedgerReader } from '../control/index.ts'
import {
  type Element,
  type Group,
  groupByName,
  lagrangeAtZero,
  publicKeyFromEdwards,
  signingSuite,
  sumCommitments,
  weightedSumCommitments,
} from '../crypto/index.ts'
import { DEFAULT_REFRESH_MS, type KeyKind } from '../wire/index.ts'
import { standingOf } from './eligible.ts'
import { forgetHandoff } from './handoff-queue.ts'
import { suiteOf } from './kinds.ts'
import { isNetworkKey } from './network-key.ts'
import { paths } from './paths.ts'
import type { CeremonyRecord, DealRecord, KeyRecord, VersionRecord } from './records.ts'
import { queueIfLacking } from './repairs.ts'
import { keepReplaced } from './replaced.ts'
import { archive, destroy, REFRESH } from './retiring.ts'

/** What a transition needs to know of the block it happens in. */
export interface Moment {
  readonly height: number
  readonly timeMs: number
}

export function versionOf(
  ledger: LedgerReader,
  keyId: Uint8Array,
  version: number,
): VersionRecord | undefined {
  return ledger.get<VersionRecord>(paths.version(keyId, version))
}

/** The version whose shares a ceremony hands on. */
export function activeVersionOf(ledger: LedgerReader, ceremony: CeremonyRecord): VersionRecord {
  return versionOf(ledger, ceremony.keyId, ceremony.version)!
}

/** The public key as a standard client of this kind takes it. */
export function encodePublicKey(kind: KeyKind, publicKey: Element): Uint8Array {
  if (kind === 'x25519') return publicKeyFromEdwards(publicKey)
  if (kind === 'ristretto255') return publicKey.bytes
  return signingSuite(kind).encodePublicKey(publicKey)
}

/** The weight of each dealing in the version: 1 for new secrets, its slot's Lagrange coefficient for handed-on shares. */
export function dealingWeights(
  group: Group,
  dealings: readonly { readonly fromSlot: number }[],
): Uint8Array[] {
  const slots = dealings.map(dealing => dealing.fromSlot)
  return slots.map(slot => (slot === 0 ? group.scalarFromInt(1) : lagrangeAtZero(group, slots, slot)))
}

function jointCommitments(group: Group, dealings: readonly DealRecord[]): Element[] {
  // `deal` has checked these encodings when it took them
  const decoded = dealings.map(deal => deal.commitments.map(bytes => group.decode(bytes)))
  if (dealings.every(deal => deal.fromSlot === 0)) return sumCommitments(group, decoded)
  const weights = dealingWeights(group, dealings)
  return weightedSumCommitments(
    group,
    decoded.map((commitments, index) => [weights[index]!, commitments] as const),
  )
}

/**
 * Makes the ceremony's result the version that serves. Returns why not when it cannot be: a handed-on secret whose
 * public key would change, or dealings that cancel out.
 */
export function putVersion(
  ledger: Ledger,
  ceremony: CeremonyRecord,
  dealings: readonly DealRecord[],
  base: VersionRecord | undefined,
  at: Moment,
): string | undefined {
  const group = groupByName(suiteOf(ceremony.kind).group)
  const joint = jointCommitments(group, dealings)
  if (joint.some(element => group.isIdentity(element))) return 'the dealings cancel out'
  if (base !== undefined && !equalBytes(joint[0]!.bytes, base.commitments[0]!)) {
    return 'the dealings do not give the public key'
  }
  const version: VersionRecord = {
    keyId: ceremony.keyId,
    version: ceremony.version,
    generation: ceremony.generation,
    state: base?.state ?? 'active',
    revision: base?.revision ?? 0,
    retainUntilMs: base?.retainUntilMs ?? 0,
    ...(base?.destruction === undefined ? {} : { destruction: base.destruction }),
    ceremony: ceremony.id,
    publicKey: encodePublicKey(ceremony.kind, joint[0]!),
    threshold: ceremony.threshold,
    slots: ceremony.slots,
    commitments: joint.map(element => element.bytes),
    dealings,
    height: at.height,
    timeMs: at.timeMs,
  }
  if (base !== undefined) keepReplaced(ledger, base, at)
  ledger.put(paths.version(ceremony.keyId, ceremony.version), version)
  wakeForRefresh(ledger, version, at)
  serve(ledger, ceremony)
  certifySoon(ledger)
  forgetHandoff(ledger, version.keyId, version.version)
  // a member that fell from favour while the ceremony ran may have a slot in its result
  queueIfLacking(ledger, version, standingOf(ledger))
  return undefined
}

/**
 * A header carries the root of the state before its block: what this block makes can be proven to a client from the next
 * one on, which an idle network would make an epoch later.
 */
export function certifySoon(ledger: Ledger): void {
  ledger.wakeAt(ledger.timeMs + 1, 'certify')
}

/** The key's numbers and active version after a ceremony; the version that a rotation replaces is archived. */
function serve(ledger: Ledger, ceremony: CeremonyRecord): void {
  const key = ledger.get<KeyRecord>(paths.key(ceremony.name))!
  const isNew = ceremony.version > key.activeVersion
  const numbers =
    isNew || ceremony.version === key.activeVersion
      ? { threshold: ceremony.threshold, shares: ceremony.shares }
      : undefined
  if (isNew && key.activeVersion > 0) replaceVersion(ledger, key)
  const activeVersion = Math.max(key.activeVersion, ceremony.version)
  ledger.put(paths.key(ceremony.name), { ...key, ...numbers, activeVersion })
}

function replaceVersion(ledger: Ledger, key: KeyRecord): void {
  const replaced = versionOf(ledger, key.keyId, key.activeVersion)!
  // nobody will ask the network's key for what an earlier secret has made
  if (isNetworkKey(key)) destroy(ledger, key, replaced)
  else if (replaced.state === 'active') archive(ledger, replaced, 0)
}

/** Block time at which a version's shares are due for renewal; that block's hook opens the refresh. */
function wakeForRefresh(ledger: Ledger, { keyId, version }: VersionRecord, at: Moment): void {
  const refreshMs = ledger.genesis.timing.refreshMs ?? DEFAULT_REFRESH_MS
  ledger.wakeAt(at.timeMs + refreshMs, `${REFRESH}${paths.version(keyId, version)}`)
}
