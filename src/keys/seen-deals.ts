import { compareBytes, equalBytes, peerIdOf, toHex } from '../base/index.ts'
import { memberPath } from '../control/index.ts'
import { verifySigned } from '../crypto/index.ts'
import {
  canonicalBytes,
  type Deal,
  type ReportEvidence,
  type Signed,
  type SignedTransaction,
} from '../wire/index.ts'
import type { Work } from './ceremony-state.ts'

/** Dealings of one member. A ceremony lasts seconds; who deals in more at a time pushes its own older ones out. */
const MAX_PER_MEMBER = 128

/**
 * What members have signed as dealers lately, whether a block took it or not. The ledger convicts who deals twice while the
 * ceremony is open; who tells different nodes of different dealings may see it end before the second one is in a block.
 * So each node compares what reaches it. It forgets with a restart: others remember.
 */
export class SeenDeals {
  readonly #byMember = new Map<string, Map<string, Signed<Deal>>>()
  /** Who has been accused once is not listened to any more. */
  readonly #accused = new Set<string>()

  /** Takes note of a dealing; returns the evidence if it contradicts an earlier one. A forged one is nobody's. */
  see(networkId: Uint8Array, deal: Signed<Deal>): ReportEvidence | undefined {
    const member = toHex(deal.signer)
    if (this.#accused.has(member)) return undefined
    const known = this.#byMember.get(member) ?? new Map<string, Signed<Deal>>()
    const occasion = `${toHex(deal.value.ceremony)}/${deal.value.fromSlot}`
    const earlier = known.get(occasion)
    if (earlier !== undefined && isSameDealing(earlier.value, deal.value)) return undefined
    if (!verifySigned('transaction', networkId, deal)) return undefined
    if (earlier !== undefined) {
      this.#accused.add(member)
      this.#byMember.delete(member)
      return accusationOf(earlier, deal)
    }
    known.set(occasion, deal)
    if (known.size > MAX_PER_MEMBER) known.delete(known.keys().next().value!)
    this.#byMember.set(member, known)
    return undefined
  }
}

type Dealt = Pick<Deal, 'commitments' | 'encapsulation' | 'root'>

/**
 * Whether two deals of one dealer and slot say the same: an honest dealer repeats what it has once dealt. Proofs are
 * randomised and do not count.
 */
export function isSameDealing(a: Dealt, b: Dealt): boolean {
  return (
    equalBytes(a.root, b.root) &&
    equalBytes(a.encapsulation.enc, b.encapsulation.enc) &&
    a.commitments.length === b.commitments.length &&
    a.commitments.every((commitment, index) => equalBytes(commitment, b.commitments[index]!))
  )
}

/** Ordered, so that all accusers make the same accusation. */
function accusationOf(one: Signed<Deal>, other: Signed<Deal>): ReportEvidence {
  const [first, second] = [one, other].sort((a, b) =>
    compareBytes(canonicalBytes(a.value), canonicalBytes(b.value)),
  ) as [Signed<Deal>, Signed<Deal>]
  return { type: 'report-evidence', evidence: { type: 'conflicting-deals', first, second } }
}

/** Accuses the members among the signers of these transactions who have dealt otherwise before. */
export function witnessDeals({ state, ledger, effects }: Work, heard: readonly SignedTransaction[]): void {
  const { networkId } = state.world
  for (const { value, signer, signature } of heard) {
    if (value.type !== 'deal' || ledger.get(memberPath(peerIdOf(signer))) === undefined) continue
    const report = state.seenDeals.see(networkId, { value, signer, signature })
    if (report !== undefined) effects.push({ type: 'submit', transaction: report })
  }
}
