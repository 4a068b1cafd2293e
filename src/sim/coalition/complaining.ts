import { type Rng, randomBelow, toHex } from '../../base/index.ts'
import { ProvenEncapsulation, proveOpening, sealingContext, shareInfo } from '../../crypto/index.ts'
import { type CeremonyRecord, type DealRecord, dealingContext, sharePath } from '../../keys/index.ts'
import type { Complain, ShareOpening } from '../../wire/index.ts'
import { sharesIn } from './dealing.ts'
import type { CoalitionNode } from './network.ts'

export type ComplaintAttack =
  | 'none'
  | 'false complaint with the true opening'
  | 'false complaint with another’s opening'

/** A good share of a member, dealt by an honest dealer. */
export interface Occasion {
  readonly networkId: Uint8Array
  readonly ceremony: CeremonyRecord
  readonly place: number
  readonly dealt: DealRecord
  readonly record: Uint8Array
  readonly member: CoalitionNode
}

/** Says of a good share that it is bad. Undefined when the member cannot open it, or has no other opening to show. */
export function falseComplaint(
  { networkId, ceremony, place, dealt, record, member }: Occasion,
  attack: ComplaintAttack,
  openings: readonly ShareOpening[],
  rng: Rng,
): Complain | undefined {
  const index = ceremony.slots.findIndex(({ peerId }) => peerId === member.peerId)
  const { slot, sealingKey } = ceremony.slots[index]!
  const shares = sharesIn(record)
  const base = { type: 'complain', ceremony: ceremony.id, dealing: place, slot } as const
  const leaf = { sealed: shares[index]!.sealed, path: sharePath(shares, index) }
  if (attack === 'false complaint with another’s opening') {
    const opening = openings[randomBelow(rng, Math.max(1, openings.length))]
    return opening && { ...base, ...leaf, opening }
  }
  const keys = member.state.sealing.get(toHex(sealingKey))
  const context = dealingContext(networkId, ceremony, dealt)
  const proven = ProvenEncapsulation.verify(dealt.encapsulation, sealingContext(context))
  if (keys === undefined || proven === undefined) return undefined
  return { ...base, ...leaf, opening: proveOpening(keys, proven, shareInfo(context, slot), rng) }
}
