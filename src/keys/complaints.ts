import { OstrakaError, peerIdOf } from '../base/index.ts'
import { groupByName, judgeComplaint, ristretto255 } from '../crypto/index.ts'
import type { Complain } from '../wire/index.ts'
import { dealingContext } from './context.ts'
import { provenEncapsulation } from './encapsulations.ts'
import { suiteOf } from './kinds.ts'
import type { CeremonyRecord, VersionDealing } from './records.ts'
import { isInRecord } from './sealed-records.ts'
import { slotsOf } from './slots.ts'

/** What of a ceremony it takes to judge a complaint: it stays provable for a while after the ceremony has closed. */
export type ComplaintScene = Pick<CeremonyRecord, 'id' | 'keyId' | 'version' | 'kind' | 'slots'>

/**
 * Who lied about one share: the dealer, or the complainer. Errors: `forbidden` for a complainer that does not hold the slot,
 * `malformed` for a ciphertext that is not the one that the dealer's transaction pins.
 */
export function judgeComplainer(
  networkId: Uint8Array,
  ceremony: ComplaintScene,
  dealt: VersionDealing,
  complaint: Complain,
  complainer: Uint8Array,
): 'dealer' | 'complainer' {
  const { slot, sealed, path, opening } = complaint
  const held = slotsOf(ceremony.slots, peerIdOf(complainer)).find(each => each.slot === slot)
  if (held === undefined) throw new OstrakaError('forbidden', 'not the holder of this slot')
  const at = { index: ceremony.slots.indexOf(held), size: ceremony.slots.length }
  if (!isInRecord(dealt, ceremony.id, at, { slot, sealed }, path)) {
    throw new OstrakaError('malformed', 'not the ciphertext that the dealer published')
  }
  const context = dealingContext(networkId, ceremony, dealt)
  const encapsulation = provenEncapsulation(context, dealt.encapsulation)
  // `deal` takes no other
  if (encapsulation === undefined) throw new OstrakaError('internal', 'an encapsulation without its proof')
  const group = groupByName(suiteOf(ceremony.kind).group)
  const commitments = dealt.commitments.map(bytes => group.decode(bytes))
  const share = { group, commitments, slot, encapsulation, sealed, context }
  return judgeComplaint(share, ristretto255.decode(held.sealingKey), opening)
}
