import { concat, utf8 } from '../base/index.ts'
import { type DealingContext, sha256 } from '../crypto/index.ts'
import type { Dealer } from './records.ts'

/** Ties a dealing to its network, key, version, ceremony and dealer: no proof or sealed share fits anywhere else. */
export function dealingContext(
  networkId: Uint8Array,
  ceremony: { readonly id: Uint8Array; readonly keyId: Uint8Array; readonly version: number },
  { dealer, fromSlot }: Dealer,
): DealingContext {
  const { id, keyId, version } = ceremony
  return { networkId, ceremony: id, keyId, version, dealer, fromSlot }
}

interface Occasion {
  readonly transactionId: Uint8Array
  readonly blockId: Uint8Array
}

/**
 * What a transaction causes in this block. Whatever it opened and the log aborted, the same transaction may open again in a
 * later block: as another ceremony, since a dealer that dealt in the first deals anew.
 */
export function causeOf({ transactionId, blockId }: Occasion): Uint8Array {
  return sha256(concat(transactionId, blockId))
}

/** A ceremony's id: every attempt has another cause (a transaction in a block, a block), so no two ceremonies share one. */
export function ceremonyIdOf(cause: Uint8Array): Uint8Array {
  return sha256(concat(utf8('ostraka/1/ceremony\0'), cause))
}

/** A key's id, made when its name is first taken; a retried creation has another. */
export function keyIdOf(cause: Uint8Array): Uint8Array {
  return sha256(concat(utf8('ostraka/1/key\0'), cause))
}
