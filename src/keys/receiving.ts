import { equalBytes, type Rng, type Secret, toHex, type Write } from '../base/index.ts'
import {
  checkShare,
  combineWeightedShares,
  groupByName,
  proveBadShare,
  receiveShare,
  type SealingKeyPair,
  verifySigned,
} from '../crypto/index.ts'
import { type Complain, type SealedDealing, type Signed, sealedDealingCodec } from '../wire/index.ts'
import { dealingContext } from './context.ts'
import { suiteOf } from './kinds.ts'
import type { CeremonyRecord, RecipientSlot, VersionDealing, VersionRecord } from './records.ts'
import { type Vault, vaultPaths } from './vault.ts'
import { dealingWeights } from './version-rules.ts'

/** The secrets a node holds, by their path on disk: whole shares of versions, and its shares of single dealings. */
export interface Shelf {
  readonly shares: Map<string, Secret>
  readonly subshares: Map<string, Secret>
  /** Dealings (by record hash) whose share for this node was bad. */
  readonly complained: Set<string>
}

/** One dealing's record that this node needs, and what it takes to open its shares in it. */
export interface Need {
  readonly ceremony: Pick<CeremonyRecord, 'id' | 'keyId' | 'version' | 'kind'>
  /** The dealing's place in its ceremony; -1 when the ceremony is over and nobody can complain any more. */
  readonly place: number
  readonly dealing: VersionDealing
  /** This node's slots, with the sealing keys that they were sealed under. */
  readonly slots: readonly RecipientSlot[]
}

export interface Receipt {
  readonly writes: readonly Write[]
  /** Set when a share was bad: the opening that lets anyone see who lied. */
  readonly complaint?: Complain
}

/** What it takes to open a sealed share. */
export interface OpeningKeys {
  readonly networkId: Uint8Array
  readonly vault: Vault
  /** The key pair of one of this node's sealing keys; undefined once it is erased. */
  sealingKeys(publicKey: Uint8Array): SealingKeyPair | undefined
}

function decodeRecord(
  networkId: Uint8Array,
  need: Need,
  bytes: Uint8Array,
): Signed<SealedDealing> | undefined {
  const { dealer, fromSlot } = need.dealing
  try {
    const record = sealedDealingCodec.decode(bytes)
    const { value, signer } = record
    const isIts = equalBytes(value.ceremony, need.ceremony.id) && value.fromSlot === fromSlot
    return isIts && equalBytes(signer, dealer) && verifySigned('sealed-dealing', networkId, record)
      ? record
      : undefined
  } catch {
    return undefined
  }
}

/** Opens and checks this node's shares in a record whose hash is the one that the dealer's transaction pins. */
export function receive(shelf: Shelf, keys: OpeningKeys, need: Need, record: Uint8Array, rng: Rng): Receipt {
  const { ceremony, dealing } = need
  const group = groupByName(suiteOf(ceremony.kind).group)
  const commitments = dealing.commitments.map(bytes => group.decode(bytes))
  const context = dealingContext(keys.networkId, ceremony, dealing)
  const signed = decodeRecord(keys.networkId, need, record)
  const writes: Write[] = [{ key: vaultPaths.record(dealing.recordHash), value: record }]
  for (const { slot, sealingKey } of need.slots) {
    const sealingKeys = keys.sealingKeys(sealingKey)
    if (sealingKeys === undefined) continue
    const sealed = signed?.value.shares.find(share => share.slot === slot)?.sealed ?? new Uint8Array(0)
    try {
      const share = receiveShare({ group, commitments, slot, sealed, context }, sealingKeys)
      const path = vaultPaths.subshare(dealing.recordHash, slot)
      shelf.subshares.set(path, share)
      writes.push(keys.vault.lock(path, share, rng))
    } catch {
      shelf.complained.add(toHex(dealing.recordHash))
      const { sharedPoint, proof } = proveBadShare(sealed, sealingKeys, rng)
      const { place } = need
      return {
        writes,
        complaint: {
          type: 'complain',
          ceremony: ceremony.id,
          dealing: place,
          slot,
          record,
          sharedPoint,
          proof,
        },
      }
    }
  }
  return { writes }
}

/** True when this node holds its shares of this dealing. */
export function hasShares(
  shelf: Shelf,
  { recordHash }: Pick<VersionDealing, 'recordHash'>,
  slots: readonly { readonly slot: number }[],
): boolean {
  return slots.every(({ slot }) => shelf.subshares.has(vaultPaths.subshare(recordHash, slot)))
}

/**
 * Sums this node's shares of the version's dealings, each by its weight; undefined while one is missing. Takes nothing
 * off the shelf: see `forgetDealings` and `forgetShares`, whose writes belong into the same batch.
 */
export function completeShares(
  shelf: Shelf,
  vault: Vault,
  version: VersionRecord,
  kind: CeremonyRecord['kind'],
  slots: readonly { readonly slot: number }[],
  rng: Rng,
): Write[] | undefined {
  const { dealings, keyId, generation } = version
  if (!dealings.every(dealing => hasShares(shelf, dealing, slots))) return undefined
  const group = groupByName(suiteOf(kind).group)
  const joint = version.commitments.map(bytes => group.decode(bytes))
  const weights = dealingWeights(group, dealings)
  const writes: Write[] = []
  for (const { slot } of slots) {
    const parts = dealings.map(
      ({ recordHash }, index) =>
        [weights[index]!, shelf.subshares.get(vaultPaths.subshare(recordHash, slot))!] as const,
    )
    const share = combineWeightedShares(group, parts)
    if (!checkShare(group, joint, slot, share)) {
      share.wipe()
      return undefined
    }
    const path = vaultPaths.share(keyId, version.version, generation, slot)
    shelf.shares.set(path, share)
    writes.push(vault.lock(path, share, rng))
  }
  return writes
}

function forget(secrets: Map<string, Secret>, isOver: (path: string) => boolean): Write[] {
  const writes: Write[] = []
  for (const [path, secret] of secrets) {
    if (!isOver(path)) continue
    secret.wipe()
    secrets.delete(path)
    writes.push({ key: path, value: null })
  }
  return writes
}

/** Wipes this node's shares of single dealings, in memory and on disk. */
export function forgetDealings(
  shelf: Shelf,
  dealings: readonly Pick<VersionDealing, 'recordHash'>[],
): Write[] {
  const prefixes = dealings.map(({ recordHash }) => vaultPaths.subshares(recordHash))
  return forget(shelf.subshares, path => prefixes.some(prefix => path.startsWith(prefix)))
}

/** Wipes this node's shares of single dealings but for these. */
export function forgetDealingsBut(
  shelf: Shelf,
  dealings: readonly Pick<VersionDealing, 'recordHash'>[],
): Write[] {
  const kept = new Set(dealings.map(({ recordHash }) => vaultPaths.subshares(recordHash)))
  return forget(shelf.subshares, path => !kept.has(path.slice(0, path.lastIndexOf('/') + 1)))
}

/** Wipes this node's shares of a version that are not of the generation to keep; all of them without one. */
export function forgetShares(shelf: Shelf, keyId: Uint8Array, version: number, keep?: number): Write[] {
  const all = vaultPaths.shares(keyId, version)
  const kept = keep === undefined ? undefined : `${all}${keep}/`
  return forget(shelf.shares, path => path.startsWith(all) && !(kept !== undefined && path.startsWith(kept)))
}
