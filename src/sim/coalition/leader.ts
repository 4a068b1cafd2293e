import { equalBytes } from '../../base/index.ts'
import { type CeremonyRecord, keyPaths } from '../../keys/index.ts'
import type { SignedTransaction } from '../../wire/index.ts'
import type { DealAttack } from './dealing.ts'
import type { CoalitionNetwork } from './network.ts'

/** What the leader leaves out of its blocks while a ceremony is open. */
export type LeaderPolicy =
  | 'fair'
  | 'leader withholds deals'
  | 'leader withholds acknowledgements'
  | 'leader withholds complaints'

/** Whether the leader includes an honest transaction now; by what policy, where it leaves it out for good. */
export function leaderIncludes(
  { value, signer }: SignedTransaction,
  { leader, deal }: { readonly leader: LeaderPolicy; readonly deal: DealAttack },
  network: CoalitionNetwork,
  isOurs: (publicKey: Uint8Array) => boolean,
): boolean | Exclude<LeaderPolicy, 'fair'> {
  if (isOurs(signer) || !('ceremony' in value)) return true
  const open = network.ledger.records.get<CeremonyRecord>(keyPaths.ceremony(value.ceremony))
  if (open === undefined) return true
  if (value.type === 'deal') {
    // of two deals with one encapsulation the first counts
    if (deal.startsWith('copied') && !haveDealt(open, isOurs)) return false
    const isOut = leader === 'leader withholds deals' && isCensored(open, signer, network, isOurs)
    return isOut ? leader : true
  }
  if (value.type === 'acknowledge' && leader === 'leader withholds acknowledgements') return leader
  if (value.type === 'complain' && leader === 'leader withholds complaints') return leader
  return true
}

/** Whether the coalition's dealers have all dealt, or may not. */
function haveDealt(open: CeremonyRecord, isOurs: (publicKey: Uint8Array) => boolean): boolean {
  return open.dealers.every(
    ({ dealer }, place) => !isOurs(dealer) || open.dealt.includes(place) || open.disqualified.includes(place),
  )
}

/** f honest dealers are left out. */
function isCensored(
  { dealers }: CeremonyRecord,
  signer: Uint8Array,
  { nodes }: CoalitionNetwork,
  isOurs: (publicKey: Uint8Array) => boolean,
): boolean {
  const faulty = Math.floor((nodes.length - 1) / 3)
  const honest = dealers.filter(({ dealer }) => !isOurs(dealer)).slice(0, faulty)
  return honest.some(({ dealer }) => equalBytes(dealer, signer))
}
