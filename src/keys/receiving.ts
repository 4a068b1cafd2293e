import { equalBytes, type Rng, toHex, type Write } from '../base/index.ts'
import {
  checkShare,
  combineWeightedShares,
  type DealtShare,
  groupByName,
  proveBadShare,
  receiveShare,
  type SealingKeyPair,
} from '../crypto/index.ts'
import type { Complain } from '../wire/index.ts'
import { dealingContext } from './context.ts'
import { provenEncapsulation } from './encapsulations.ts'
import { suiteOf } from './kinds.ts'
import type { CeremonyRecord, RecipientSlot, VersionDealing, VersionRecord } from './records.ts'
import { type SealedRecord, sharePath } from './sealed-records.ts'
import type { SecretMap } from './secret-map.ts'
import { type Vault, vaultPaths } from './vault.ts'
import { dealingWeights } from './version-rules.ts'

/** The secrets a node holds, by their path on disk: whole shares of versions, and its shares of single dealings. */
export interface Shelf {
  readonly shares: SecretMap
  readonly subshares: SecretMap
  /** Dealings (by record hash) whose share for this node was bad. */
  readonly complained: Set<string>
}

/** One dealing's record that this node needs, and what it takes to open its shares in it. */
export interface Need {
  readonly ceremony: Pick<CeremonyRecord, 'id' | 'keyId' | 'version' | 'kind'>
  /** The dealing's place in its ceremony; -1 when the ceremony is over and nobody can complain any more. */
  readonly place: number
  readonly dealing: VersionDealing
  /** All slots that the dealing has a share for, in their order. */
  readonly order: readonly number[]
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

/** Whether a record is what an honest dealer of this dealing publishes: any other is as good as none. */
function isPromised(
  { dealing, ceremony, order }: Need,
  { signed: { value, signer }, hash }: SealedRecord,
): boolean {
  return (
    equalBytes(hash, dealing.recordHash) &&
    equalBytes(signer, dealing.dealer) &&
    equalBytes(value.ceremony, ceremony.id) &&
    equalBytes(value.keyId, ceremony.keyId) &&
    value.version === ceremony.version &&
    value.fromSlot === dealing.fromSlot &&
    value.shares.length === order.length &&
    value.shares.every(({ slot }, index) => slot === order[index])
  )
}

/**
 * Opens and checks this node's shares in a record. Undefined, with nothing opened or said, when the record is not the one
 * that the dealer's transaction pins, or the dealing's encapsulation is not proven to be the dealer's.
 */
export function receive(
  shelf: Shelf,
  keys: OpeningKeys,
  need: Need,
  record: SealedRecord,
  rng: Rng,
): Receipt | undefined {
  const { ceremony, dealing, order } = need
  const context = dealingContext(keys.networkId, ceremony, dealing)
  const encapsulation = provenEncapsulation(context, dealing.encapsulation)
  if (encapsulation === undefined || !isPromised(need, record)) return undefined
  const group = groupByName(suiteOf(ceremony.kind).group)
  const commitments = dealing.commitments.map(bytes => group.decode(bytes))
  const { shares } = record.signed.value
  const writes: Write[] = [{ key: vaultPaths.record(dealing.recordHash), value: record.bytes }]
  for (const { slot, sealingKey } of need.slots) {
    const sealingKeys = keys.sealingKeys(sealingKey)
    if (sealingKeys === undefined) continue
    const index = order.indexOf(slot)
    const dealt: DealtShare = {
      group,
      commitments,
      slot,
      encapsulation,
      context,
      sealed: shares[index]!.sealed,
    }
    try {
      const share = receiveShare(dealt, sealingKeys)
      const path = vaultPaths.subshare(dealing.recordHash, slot)
      shelf.subshares.set(path, share)
      writes.push(keys.vault.lock(path, share, rng))
    } catch {
      shelf.complained.add(toHex(dealing.recordHash))
      return { writes, complaint: complaintOf(need, dealt, sharePath(shares, index), sealingKeys, rng) }
    }
  }
  return { writes }
}

function complaintOf(
  { ceremony, place }: Need,
  dealt: DealtShare,
  path: readonly Uint8Array[],
  sealingKeys: SealingKeyPair,
  rng: Rng,
): Complain {
  const { slot, sealed } = dealt
  const opening = proveBadShare(dealt, sealingKeys, rng)
  return {
    type: 'complain',
    ceremony: ceremony.id,
    dealing: place,
    slot,
    sealed,
    path,
    ...(opening === undefined ? {} : { opening }),
  }
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

function forget(secrets: SecretMap, paths: readonly string[]): Write[] {
  for (const path of paths) {
    secrets.get(path)!.wipe()
    secrets.delete(path)
  }
  return paths.map(key => ({ key, value: null }))
}

/** Wipes this node's shares of single dealings, in memory and on disk. */
export function forgetDealings(
  shelf: Shelf,
  dealings: readonly Pick<VersionDealing, 'recordHash'>[],
): Write[] {
  return dealings.flatMap(({ recordHash }) => forgetDealing(shelf, vaultPaths.subshares(recordHash)))
}

/** The same of one dealing, by the path under which its shares are. */
export function forgetDealing(shelf: Shelf, subshares: string): Write[] {
  return forget(shelf.subshares, shelf.subshares.under(subshares))
}

/** Wipes this node's shares of a version that are not of the generation to keep; all of them without one. */
export function forgetShares(shelf: Shelf, keyId: Uint8Array, version: number, keep?: number): Write[] {
  const all = vaultPaths.shares(keyId, version)
  const over = shelf.shares
    .under(all)
    .filter(path => keep === undefined || !path.startsWith(`${all}${keep}/`))
  return forget(shelf.shares, over)
}
