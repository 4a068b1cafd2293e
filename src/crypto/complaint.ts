import { isOstrakaError, type Rng } from '../base/index.ts'
import { type DealtShare, fittingShare, NO_AAD, shareInfo } from './dealing.ts'
import type { Element } from './group.ts'
import { groupByName } from './groups.ts'
import {
  hasEncapsulation,
  type Opening,
  openWithSharedPoint,
  proveOpening,
  type SealingKeyPair,
} from './sealing.ts'

/**
 * Opens a bad share for everyone to see. A sealed share without an encapsulation convicts its dealer by itself; its
 * opening is a placeholder of the right shape.
 */
export function proveBadShare(sealed: Uint8Array, sealingKeys: SealingKeyPair, rng: Rng): Opening {
  if (hasEncapsulation(sealingKeys.publicKey, sealed)) return proveOpening(sealingKeys, sealed, rng)
  const { base, scalarFromInt } = groupByName(sealingKeys.publicKey.group)
  return { sharedPoint: base.bytes, proof: { challenge: scalarFromInt(0), response: scalarFromInt(0) } }
}

/**
 * Who lied: the dealer, whose share is bad, or the complainer, whose share is good or whose opening is forged.
 * `sealingKey` is the complainer's, as the control log had it when the dealing was made.
 */
export function judgeComplaint(
  dealt: DealtShare,
  sealingKey: Element,
  opening: Opening,
): 'dealer' | 'complainer' {
  if (!hasEncapsulation(sealingKey, dealt.sealed)) return 'dealer'
  const info = shareInfo(dealt.context, dealt.slot)
  try {
    const opened = openWithSharedPoint(sealingKey, opening, info, NO_AAD, dealt.sealed)
    const share = fittingShare(dealt, opened)
    share?.wipe()
    return share === undefined ? 'dealer' : 'complainer'
  } catch (error) {
    if (isOstrakaError(error, 'false_complaint')) return 'complainer'
    throw error
  }
}
