import { equalBytes, OstrakaError, peerIdOf, publicKeyOf } from '../base/index.ts'
import { type Ledger, memberPath, type TransactionContext } from '../control/index.ts'
import { verifyEd25519, verifySigned } from '../crypto/index.ts'
import {
  type BadPartial,
  type ConflictingBeacons,
  type ConflictingDeals,
  type ConflictingProposals,
  type ConflictingVotes,
  canonicalBytes,
  type Evidence,
  type LateComplaint,
  type LateDeal,
  type Proposal,
  partialRequestCodec,
  type ReportEvidence,
  signingBytes,
} from '../wire/index.ts'
import { judgeFork } from './audit-handler.ts'
import { convict, openCeremonies } from './ceremony-rules.ts'
import { contradicts, dealOf, isOnRecord } from './closed-ceremonies.ts'
import { judgeComplainer } from './complaints.ts'
import { judgeBadPartial } from './operations/index.ts'
import { paths } from './paths.ts'
import type { ConvictionRecord, KeyRecord, VersionRecord } from './records.ts'
import { versionAt } from './replaced.ts'
import { isSameDealing } from './seen-deals.ts'

interface Verdict {
  readonly culprit: Uint8Array
  readonly reason: ConvictionRecord['reason']
}

function judgeVotes(networkId: Uint8Array, evidence: ConflictingVotes): Verdict | undefined {
  const { step, voter, height, round, first, second } = evidence
  if (equalBytes(first.blockId, second.blockId)) return undefined
  const isSigned = [first, second].every(half => {
    const bytes = signingBytes(step, networkId, canonicalBytes({ height, round, blockId: half.blockId }))
    return verifyEd25519(voter, bytes, half.signature)
  })
  return isSigned ? { culprit: voter, reason: 'equivocation' } : undefined
}

function judgeProposals(networkId: Uint8Array, evidence: ConflictingProposals): Verdict | undefined {
  const { proposer, height, round, first, second } = evidence
  if (equalBytes(first.blockId, second.blockId) && first.validRound === second.validRound) return undefined
  const isSigned = [first, second].every(({ validRound, blockId, signature }) => {
    const value: Proposal = { height, round, validRound, blockId }
    return verifySigned('proposal', networkId, { value, signer: proposer, signature })
  })
  return isSigned ? { culprit: proposer, reason: 'equivocation' } : undefined
}

function judgeDeals(networkId: Uint8Array, evidence: ConflictingDeals): Verdict | undefined {
  const { first, second } = evidence
  if (!equalBytes(first.signer, second.signer)) return undefined
  if (!equalBytes(first.value.ceremony, second.value.ceremony)) return undefined
  // whoever holds several slots hands each of their shares on in a dealing of its own
  if (first.value.fromSlot !== second.value.fromSlot) return undefined
  if (isSameDealing(first.value, second.value)) return undefined
  const isSigned = [first, second].every(deal => verifySigned('transaction', networkId, deal))
  return isSigned ? { culprit: first.signer, reason: 'equivocation' } : undefined
}

function judgeBeacons(networkId: Uint8Array, { first, second }: ConflictingBeacons): Verdict | undefined {
  if (!equalBytes(first.signer, second.signer) || first.value.sequence !== second.value.sequence)
    return undefined
  if (equalBytes(canonicalBytes(first.value), canonicalBytes(second.value))) return undefined
  const isSigned = [first, second].every(beacon => verifySigned('beacon', networkId, beacon))
  return isSigned ? { culprit: first.signer, reason: 'equivocation' } : undefined
}

function judgePartial(ledger: Ledger, evidence: BadPartial): Verdict | undefined {
  const { holder, request, partial } = evidence
  const call = partialRequestCodec.decode(request)
  const key = ledger.get<KeyRecord>(paths.key(call.request.value.key))
  const current = key && ledger.get<VersionRecord>(paths.version(key.keyId, call.version))
  const version = current && versionAt(ledger, current, call.generation)
  if (key === undefined || version === undefined) return undefined
  const { networkId } = ledger
  const isGuilty = judgeBadPartial({ networkId, version, kind: key.kind, holder, request, partial })
  return isGuilty ? { culprit: publicKeyOf(holder), reason: 'bad_partial' } : undefined
}

function judgeLateComplaint(ledger: Ledger, { closed, complaint }: LateComplaint): Verdict | undefined {
  const { value, signer } = complaint
  const dealt = dealOf(closed, value)
  if (dealt === undefined || !equalBytes(value.ceremony, closed.ceremony)) return undefined
  if (!isOnRecord(ledger, closed)) return undefined
  if (!verifySigned('transaction', ledger.networkId, complaint)) return undefined
  const guilty = judgeComplainer(ledger.networkId, { ...closed, id: closed.ceremony }, dealt, value, signer)
  return guilty === 'dealer'
    ? { culprit: dealt.dealer, reason: 'bad_dealing' }
    : { culprit: signer, reason: 'false_complaint' }
}

function judgeLateDeal(ledger: Ledger, { closed, deal }: LateDeal): Verdict | undefined {
  if (!contradicts(closed, deal.value, deal.signer) || !isOnRecord(ledger, closed)) return undefined
  if (!verifySigned('transaction', ledger.networkId, deal)) return undefined
  return { culprit: deal.signer, reason: 'equivocation' }
}

function judge(ledger: Ledger, evidence: Evidence): Verdict | undefined {
  switch (evidence.type) {
    case 'conflicting-votes':
      return judgeVotes(ledger.networkId, evidence)
    case 'conflicting-proposals':
      return judgeProposals(ledger.networkId, evidence)
    case 'conflicting-deals':
      return judgeDeals(ledger.networkId, evidence)
    case 'conflicting-beacons':
      return judgeBeacons(ledger.networkId, evidence)
    case 'bad-partial':
      return judgePartial(ledger, evidence)
    case 'forked-audit':
      return judgeFork(ledger.networkId, evidence)
    case 'late-complaint':
      return judgeLateComplaint(ledger, evidence)
    case 'late-deal':
      return judgeLateDeal(ledger, evidence)
  }
}

/** Whether proof against it changes anything: a principal that is no node may still have dealt (an importing client). */
function isWithinReach(ledger: Ledger, culprit: Uint8Array): boolean {
  if (ledger.get(memberPath(peerIdOf(culprit))) !== undefined) return true
  return openCeremonies(ledger).some(({ dealers, disqualified }) =>
    dealers.some(({ dealer }, place) => equalBytes(dealer, culprit) && !disqualified.includes(place)),
  )
}

/**
 * Convicts whom a self-contained proof convicts. Errors: `malformed` for a proof that proves nothing, `conflict` for one
 * against whoever is convicted already, or against a key of which the network knows nothing: such proof anyone can make.
 */
export function reportEvidence(ledger: Ledger, { evidence }: ReportEvidence, at: TransactionContext): void {
  const verdict = judge(ledger, evidence)
  if (verdict === undefined) throw new OstrakaError('malformed', 'the evidence proves nothing')
  if (ledger.get(paths.conviction(peerIdOf(verdict.culprit))) !== undefined) {
    throw new OstrakaError('conflict', 'already convicted')
  }
  if (!isWithinReach(ledger, verdict.culprit)) {
    throw new OstrakaError('conflict', 'the proof is against nobody in this network')
  }
  convict(ledger, verdict.culprit, verdict.reason, at)
}
