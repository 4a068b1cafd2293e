import { ed25519_FROST } from '@noble/curves/ed25519.js'
import type { SharedKey } from './shared-key.ts'

/** Signs a message with noble's FROST in one process, whole: commitments, signature shares, aggregation, verification. */
export type NobleSigning = (message: Uint8Array) => Uint8Array

/** The first `threshold` slots of the key sign. */
export function nobleSigning(key: SharedKey, threshold: number): NobleSigning {
  const idOf = (slot: number): string => ed25519_FROST.Identifier.fromNumber(slot)
  const holders = key.slots.slice(0, threshold).map(({ slot, share }) => ({
    identifier: idOf(slot),
    signingShare: share.expose(),
  }))
  const publicPackage = {
    signers: { min: threshold, max: key.slots.length },
    commitments: key.commitments.map(commitment => commitment.bytes),
    verifyingShares: Object.fromEntries(
      key.slots.map(({ slot, verifyingShare }) => [idOf(slot), verifyingShare.bytes]),
    ),
  }
  return message => {
    const rounds = holders.map(holder => ({ holder, ...ed25519_FROST.commit(holder) }))
    const list = rounds.map(round => round.commitments)
    const shares = Object.fromEntries(
      rounds.map(({ holder, nonces }) => [
        holder.identifier,
        ed25519_FROST.signShare(holder, publicPackage, nonces, list, message),
      ]),
    )
    return ed25519_FROST.aggregate(publicPackage, list, message, shares)
  }
}
