import { isOstrakaError, type Rng } from '../base/index.ts'
import { type DealtShare, fittingShare, isShareCiphertext } from './dealing.ts'
import { shareInfo } from './dealing-context.ts'
import type { Element } from './group.ts'
import { type Opening, openWithSharedPoint, proveOpening, type SealingKeyPair } from './sealing.ts'

/**
 * Opens a bad share for everyone to see. Undefined for a ciphertext that cannot be one of a share: it convicts its dealer by
 * itself, and nothing is published about its encapsulation.
 */
export function proveBadShare(dealt: DealtShare, sealingKeys: SealingKeyPair, rng: Rng): Opening | undefined {
  if (!isShareCiphertext(dealt.sealed)) return undefined
  return proveOpening(sealingKeys, dealt.encapsulation, shareInfo(dealt.context, dealt.slot), rng)
}

/**
 * Who lied: the dealer, whose share is bad, or the complainer, whose share is good or whose opening is forged or missing.
 * `sealingKey` is the complainer's, as the control log had it when the dealing was made.
 */
export function judgeComplaint(
  dealt: DealtShare,
  sealingKey: Element,
  opening: Opening | undefined,
): 'dealer' | 'complainer' {
  if (!isShareCiphertext(dealt.sealed)) return 'dealer'
  if (opening === undefined) return 'complainer'
  const info = shareInfo(dealt.context, dealt.slot)
  try {
    const opened = openWithSharedPoint(sealingKey, opening, dealt.encapsulation, info, dealt.sealed)
    const share = fittingShare(dealt, opened)
    share?.wipe()
    return share === undefined ? 'dealer' : 'complainer'
  } catch (error) {
    if (isOstrakaError(error, 'false_complaint')) return 'complainer'
    throw error
  }
}
