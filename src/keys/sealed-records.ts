import { EMPTY_ROOT, interiorHash, leafHash } from '../audit/index.ts'
import { concat, equalBytes, OstrakaError, utf8 } from '../base/index.ts'
import { sha256, verifySigned } from '../crypto/index.ts'
import {
  canonicalBytes,
  type SealedDealing,
  type SealedShare,
  type Signed,
  sealedDealingCodec,
} from '../wire/index.ts'
import type { Dealer, VersionDealing } from './records.ts'

/** A sealed dealing that its signer has signed, and the hash by which everyone names it. */
export interface SealedRecord {
  readonly bytes: Uint8Array
  readonly signed: Signed<SealedDealing>
  readonly hash: Uint8Array
}

function leafOf({ slot, sealed }: SealedShare): Uint8Array {
  return leafHash(concat(new Uint8Array([slot >> 8, slot & 255]), sealed))
}

/** The RFC 6962 tree hash over (slot, ciphertext): what a `deal` transaction pins. */
export function shareTreeRoot(shares: readonly SealedShare[]): Uint8Array {
  return shares.length === 0 ? EMPTY_ROOT : rootAmong(shares.map(leafOf))
}

/** The path from one share's leaf to the root (RFC 6962 section 2.1.1). */
export function sharePath(shares: readonly SealedShare[], index: number): Uint8Array[] {
  return pathAmong(shares.map(leafOf), index)
}

function splitOf(leaves: readonly Uint8Array[]): readonly [Uint8Array[], Uint8Array[]] {
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1))
  return [leaves.slice(0, split), leaves.slice(split)]
}

function rootAmong(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!
  const [left, right] = splitOf(leaves)
  return interiorHash(rootAmong(left), rootAmong(right))
}

function pathAmong(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length < 2) return []
  const [left, right] = splitOf(leaves)
  return index < left.length
    ? [...pathAmong(left, index), rootAmong(right)]
    : [...pathAmong(right, index - left.length), rootAmong(left)]
}

/** Whose dealing of what: with the root, all that its record is named by. */
interface Occasion extends Dealer {
  readonly ceremony: Uint8Array
}

/** A record's DHT key. The root alone would let a dealer name another's record as its own. */
export function recordHashOf({ ceremony, dealer, fromSlot }: Occasion, root: Uint8Array): Uint8Array {
  const occasion = canonicalBytes({ ceremony, dealer, fromSlot })
  return sha256(utf8('ostraka/1/sealed-dealing\0'), root, occasion)
}

/** Whether the dealing whose record has this hash has this ciphertext for the slot that is the `index`th of `size`. */
export function isInRecord(
  { recordHash, ...dealer }: VersionDealing,
  ceremony: Uint8Array,
  { index, size }: { readonly index: number; readonly size: number },
  share: SealedShare,
  path: readonly Uint8Array[],
): boolean {
  const root = rootFrom(leafOf(share), index, size, path)
  return root !== undefined && equalBytes(recordHashOf({ ...dealer, ceremony }, root), recordHash)
}

/** The root that the path leads to; undefined for a path of another length than a tree of that size has. */
function rootFrom(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  if (size === 1) return path.length === 0 ? leaf : undefined
  const sibling = path.at(-1)
  if (sibling === undefined) return undefined
  const split = 2 ** Math.floor(Math.log2(size - 1))
  const rest = path.slice(0, -1)
  const isLeft = index < split
  const own = isLeft ? rootFrom(leaf, index, split, rest) : rootFrom(leaf, index - split, size - split, rest)
  if (own === undefined) return undefined
  return isLeft ? interiorHash(own, sibling) : interiorHash(sibling, own)
}

/** A record's DHT key; undefined for bytes that are no sealed dealing. Says nothing of the signature. */
export function recordKeyOf(bytes: Uint8Array): Uint8Array | undefined {
  try {
    return hashOfDealing(sealedDealingCodec.decode(bytes))
  } catch {
    return undefined
  }
}

/** Decodes a record and checks its signature. Errors: `malformed`, `too_large`, `bad_signature`. */
export function openRecord(networkId: Uint8Array, bytes: Uint8Array): SealedRecord {
  const signed = sealedDealingCodec.decode(bytes)
  if (!verifySigned('sealed-dealing', networkId, signed)) {
    throw new OstrakaError('bad_signature', 'the dealer did not sign this dealing')
  }
  return { bytes, signed, hash: hashOfDealing(signed) }
}

/** The DHT key of a dealing, whoever has signed it. */
export function hashOfDealing({
  value: { ceremony, fromSlot, shares },
  signer,
}: Signed<SealedDealing>): Uint8Array {
  return recordHashOf({ ceremony, dealer: signer, fromSlot }, shareTreeRoot(shares))
}
