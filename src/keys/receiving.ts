import { equalBytes, type Rng, type Secret, toHex, type Write } from '../base/index.ts'
import {
  checkShare,
  combineShares,
  groupByName,
  proveBadShare,
  receiveShare,
  type SealingKeyPair,
  verifySigned,
} from '../crypto/index.ts'
import { type Complain, type SealedDealing, type Signed, sealedDealingCodec } from '../wire/index.ts'
import { dealingContext } from './context.ts'
import { suiteOf } from './kinds.ts'
import type { CeremonyRecord, VersionRecord } from './records.ts'
import { type Vault, vaultPaths } from './vault.ts'

/** The secrets a node holds, by their path on disk: whole shares of versions, and its shares of single dealings. */
export interface Shelf {
  readonly shares: Map<string, Secret>
  readonly subshares: Map<string, Secret>
  /** Dealings (by record hash) whose share for this node was bad. */
  readonly complained: Set<string>
}

/** One dealer's record that this node needs, and what it takes to open its shares in it. */
export interface Need {
  readonly ceremony: Pick<CeremonyRecord, 'id' | 'keyId' | 'version' | 'kind'>
  readonly dealer: Uint8Array
  readonly commitments: readonly Uint8Array[]
  readonly recordHash: Uint8Array
  /** This node's slots. */
  readonly slots: readonly number[]
}

export interface Receipt {
  readonly writes: readonly Write[]
  /** Set when a share was bad: the opening that lets anyone see who lied. */
  readonly complaint?: Complain
}

interface Keys {
  readonly networkId: Uint8Array
  readonly sealingKeys: SealingKeyPair
  readonly vault: Vault
}

function decodeRecord(
  networkId: Uint8Array,
  need: Need,
  bytes: Uint8Array,
): Signed<SealedDealing> | undefined {
  try {
    const record = sealedDealingCodec.decode(bytes)
    const isDealers =
      equalBytes(record.signer, need.dealer) && verifySigned('sealed-dealing', networkId, record)
    return isDealers && equalBytes(record.value.ceremony, need.ceremony.id) ? record : undefined
  } catch {
    return undefined
  }
}

/** Opens and checks this node's shares in a record whose hash is the one that the dealer's transaction pins. */
export function receive(shelf: Shelf, keys: Keys, need: Need, record: Uint8Array, rng: Rng): Receipt {
  const group = groupByName(suiteOf(need.ceremony.kind).group)
  const commitments = need.commitments.map(bytes => group.decode(bytes))
  const context = dealingContext(keys.networkId, need.ceremony, need.dealer)
  const dealing = decodeRecord(keys.networkId, need, record)
  const writes: Write[] = [{ key: vaultPaths.record(need.recordHash), value: record }]
  for (const slot of need.slots) {
    const sealed = dealing?.value.shares.find(share => share.slot === slot)?.sealed ?? new Uint8Array(0)
    const path = vaultPaths.subshare(need.ceremony.id, need.dealer, slot)
    try {
      const share = receiveShare({ group, commitments, slot, sealed, context }, keys.sealingKeys)
      shelf.subshares.set(path, share)
      writes.push(keys.vault.lock(path, share, rng))
    } catch {
      shelf.complained.add(toHex(need.recordHash))
      const opening = proveBadShare(sealed, keys.sealingKeys, rng)
      const { sharedPoint, proof } = opening
      const ceremony = need.ceremony.id
      const complaint: Complain = {
        type: 'complain',
        ceremony,
        dealer: need.dealer,
        slot,
        record,
        sharedPoint,
        proof,
      }
      return { writes, complaint }
    }
  }
  return { writes }
}

/** True when this node holds its shares of this dealer's dealing. */
export function hasShares(
  shelf: Shelf,
  ceremony: Uint8Array,
  dealer: Uint8Array,
  slots: readonly number[],
): boolean {
  return slots.every(slot => shelf.subshares.has(vaultPaths.subshare(ceremony, dealer, slot)))
}

/**
 * Sums this node's shares of the version's dealings and forgets the single ones; undefined while one is missing.
 * The writes put the share in their place in one batch: a crash leaves the one or the others.
 */
export function sharesOf(
  shelf: Shelf,
  vault: Vault,
  version: VersionRecord,
  kind: CeremonyRecord['kind'],
  slots: readonly number[],
  rng: Rng,
): Write[] | undefined {
  const dealers = version.dealers.map(entry => entry.dealer)
  if (!dealers.every(dealer => hasShares(shelf, version.ceremony, dealer, slots))) return undefined
  const group = groupByName(suiteOf(kind).group)
  const joint = version.commitments.map(bytes => group.decodeAllowingIdentity(bytes))
  const writes: Write[] = []
  for (const slot of slots) {
    const parts = dealers.map(dealer => vaultPaths.subshare(version.ceremony, dealer, slot))
    const share = combineShares(
      group,
      parts.map(path => shelf.subshares.get(path)!),
    )
    if (!checkShare(group, joint, slot, share)) {
      share.wipe()
      return undefined
    }
    const path = vaultPaths.share(version.keyId, version.version, slot)
    shelf.shares.set(path, share)
    writes.push(vault.lock(path, share, rng))
  }
  writes.push(...forget(shelf, version.ceremony))
  return writes
}

/** Wipes a ceremony's single shares, in memory and on disk. */
export function forget(shelf: Shelf, ceremony: Uint8Array): Write[] {
  const prefix = `keys/subshare/${toHex(ceremony)}/`
  const writes: Write[] = [{ key: vaultPaths.dealing(ceremony), value: null }]
  for (const [path, share] of shelf.subshares) {
    if (!path.startsWith(prefix)) continue
    share.wipe()
    shelf.subshares.delete(path)
    writes.push({ key: path, value: null })
  }
  return writes
}
