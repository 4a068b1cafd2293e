import { canonicalBytes } from '../wire/index.ts'
import { requireSlot } from './polynomial.ts'

/** Names one dealing among all that are ever made, on any network. */
export interface DealingContext {
  readonly networkId: Uint8Array
  readonly ceremony: Uint8Array
  readonly keyId: Uint8Array
  readonly version: number
  readonly dealer: Uint8Array
  /** The slot whose share is dealt on; 0 when the dealt secret is new or imported. */
  readonly fromSlot: number
}

/** The polynomial of a key's secret among its holders. An escrow group's will have another name. */
const HOME = 'home'

/** What the proof of knowledge of the dealt secret is bound to. */
export function secretContext({
  networkId,
  ceremony,
  keyId,
  version,
  dealer,
  fromSlot,
}: DealingContext): Uint8Array {
  return canonicalBytes({ networkId, keyId, version, ceremony, dealer, fromSlot })
}

/** The occasion on which a dealer seals: what its encapsulation's proof is bound to. */
export function sealingContext({ networkId, ceremony, dealer, fromSlot }: DealingContext): Uint8Array {
  return canonicalBytes({ purpose: 'dealing', networkId, ceremony, dealer, fromSlot })
}

/** What one slot's key is bound to beside the occasion. */
export function shareInfo({ keyId, version }: DealingContext, slot: number): Uint8Array {
  return canonicalBytes({ group: HOME, keyId, version, slot: requireSlot(slot) })
}
