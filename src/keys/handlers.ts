import { equalBytes, OstrakaError, peerIdOf, publicKeyOf, toHex } from '../base/index.ts'
import { type HookContext, type Ledger, mayCreate, type TransactionContext } from '../control/index.ts'
import {
  type Element,
  groupByName,
  judgeComplaint,
  ristretto255,
  sha256,
  verifyDealing,
  verifySigned,
} from '../crypto/index.ts'
import {
  type Acknowledge,
  type Complain,
  type CreateKey,
  type Deal,
  type Member,
  type PolicyRule,
  type SealedDealing,
  type SetPolicy,
  type Signed,
  sealedDealingCodec,
} from '../wire/index.ts'
import {
  abort,
  activateIfComplete,
  convict,
  dealingIsComplete,
  endDealing,
  isMember,
  openCeremony,
  requireCeremony,
  settle,
} from './ceremony-rules.ts'
import { ceremonyIdOf, dealingContext, keyIdOf } from './context.ts'
import { suiteOf } from './kinds.ts'
import { paths } from './paths.ts'
import type { CeremonyRecord, DealRecord, KeyRecord } from './records.ts'
import { assignSlots, nodesOf, slotsOf } from './slots.ts'

/** The members that may take slots: all but the convicted. */
export function eligibleMembers(ledger: Ledger): Member[] {
  const members = ledger.list<Member>('member/').map(entry => entry.value)
  return members.filter(member => ledger.get(paths.conviction(member.peerId)) === undefined)
}

function checkRules(rules: readonly PolicyRule[]): void {
  const seen = new Set(rules.map(rule => toHex(rule.principal)))
  if (seen.size !== rules.length) throw new OstrakaError('malformed', 'a principal has two policy rules')
}

/** nothing -> dealing. Errors: `forbidden`, `name_taken`, `malformed`, `unsupported`, `not_enough_nodes`. */
export function createKey(ledger: Ledger, create: CreateKey, at: TransactionContext): void {
  if (!mayCreate(ledger, at.signer)) {
    throw new OstrakaError('forbidden', 'this principal may not create keys')
  }
  const standing = ledger.get<KeyRecord>(paths.key(create.name))
  const isRetry =
    standing?.activeVersion === 0 && standing.ceremony.length === 0 && equalBytes(standing.owner, at.signer)
  if (standing !== undefined && !isRetry) throw new OstrakaError('name_taken', 'a key of this name exists')
  const members = eligibleMembers(ledger)
  const { name, kind, threshold, shares, origin } = create
  if (threshold > shares) throw new OstrakaError('malformed', 'the threshold is above the number of shares')
  if (threshold === 1 && members.length > 1) {
    throw new OstrakaError('malformed', 'a threshold of 1 would leave the whole key on one node')
  }
  if (kind === 'toy' && !ledger.genesis.name.startsWith('sim')) {
    throw new OstrakaError('unsupported', 'toy keys exist in simulations only')
  }
  checkRules(create.rules)
  const keyId = keyIdOf(at.transactionId)
  const slots = assignSlots(keyId, members, threshold, shares)
  if (slots.length < threshold) {
    throw new OstrakaError('not_enough_nodes', 'the members cannot hold that many slots', {
      needed: threshold,
      available: slots.length,
    })
  }
  const id = ceremonyIdOf(at.transactionId)
  ledger.put(paths.keyName(keyId), { name })
  ledger.put(paths.key(name), {
    name,
    keyId,
    kind,
    owner: at.signer,
    rules: create.rules,
    policyRevision: 0,
    isExportable: create.isExportable,
    entropy: create.entropy,
    threshold,
    shares,
    activeVersion: 0,
    ceremony: id,
    lastFailure: '',
  } satisfies KeyRecord)
  openCeremony(ledger, {
    id,
    name,
    keyId,
    version: 1,
    kind,
    origin,
    threshold,
    slots,
    dealers: origin === 'import' ? [at.signer] : nodesOf(slots).map(peerId => publicKeyOf(peerId)),
    stage: 'dealing',
    deadlineMs: at.timeMs + (origin === 'import' ? IMPORT_DEAL_MS : ledger.genesis.timing.dealMs),
    dealt: [],
    disqualified: [],
    acknowledged: [],
  })
}

/** An importing client first learns its recipients, then deals: it gets longer than a daemon. */
const IMPORT_DEAL_MS = 60_000

/**
 * Takes one dealer's commitments. A second, different dealing convicts its signer, and so does one whose commitments
 * or proof of possession are bad: both are signed. Errors: `not_found`, `forbidden`, `conflict`.
 */
export function deal(ledger: Ledger, transaction: Deal, at: TransactionContext): void {
  const ceremony = requireCeremony(ledger, transaction.ceremony)
  const dealer = at.signer
  if (!isMember(ceremony.dealers, dealer))
    throw new OstrakaError('forbidden', 'not a dealer of this ceremony')
  const earlier = ledger.get<DealRecord>(paths.deal(ceremony.id, dealer))
  if (earlier !== undefined) {
    if (sameDealing(earlier, transaction)) throw new OstrakaError('conflict', 'already dealt')
    convict(ledger, dealer, 'equivocation', at)
    return
  }
  if (isMember(ceremony.disqualified, dealer))
    throw new OstrakaError('forbidden', 'this dealer is disqualified')
  if (ceremony.stage !== 'dealing') throw new OstrakaError('conflict', 'dealing is over')
  const group = groupByName(suiteOf(ceremony.kind).group)
  const context = dealingContext(ledger.networkId, ceremony, dealer)
  try {
    verifyDealing(group, ceremony.threshold, transaction.commitments, context, transaction.possession)
  } catch {
    convict(ledger, dealer, 'bad_dealing', at)
    return
  }
  ledger.put(paths.deal(ceremony.id, dealer), {
    dealer,
    commitments: transaction.commitments,
    recordHash: transaction.recordHash,
  } satisfies DealRecord)
  const next: CeremonyRecord = { ...ceremony, dealt: [...ceremony.dealt, dealer] }
  ledger.put(paths.ceremony(ceremony.id), next)
  if (dealingIsComplete(next)) endDealing(ledger, next, ledger.genesis.timing.acknowledgeMs, at)
}

/** Takes a holder's word that it has its shares; a later, larger word replaces an earlier one. */
export function acknowledge(ledger: Ledger, transaction: Acknowledge, at: TransactionContext): void {
  const ceremony = requireCeremony(ledger, transaction.ceremony)
  const peerId = peerIdOf(at.signer)
  if (slotsOf(ceremony.slots, peerId).length === 0) {
    throw new OstrakaError('forbidden', 'not a holder in this ceremony')
  }
  if (ceremony.stage !== 'acknowledging') throw new OstrakaError('conflict', 'dealing is not over')
  if (!transaction.dealers.every(dealer => isMember(ceremony.dealt, dealer))) {
    throw new OstrakaError('malformed', 'an acknowledged dealer has not dealt')
  }
  const others = ceremony.acknowledged.filter(entry => entry.peerId !== peerId)
  const next: CeremonyRecord = {
    ...ceremony,
    acknowledged: [...others, { peerId, dealers: transaction.dealers }],
  }
  ledger.put(paths.ceremony(ceremony.id), next)
  activateIfComplete(ledger, next, at)
}

/** The sealed share that a record holds for a slot, if the record is what an honest dealer of this ceremony publishes. */
function sealedShareIn(
  networkId: Uint8Array,
  ceremony: CeremonyRecord,
  dealer: Uint8Array,
  bytes: Uint8Array,
  slot: number,
): Uint8Array | undefined {
  let record: Signed<SealedDealing>
  try {
    record = sealedDealingCodec.decode(bytes)
  } catch {
    return undefined
  }
  const { value, signer } = record
  if (!equalBytes(signer, dealer) || !verifySigned('sealed-dealing', networkId, record)) return undefined
  if (!equalBytes(value.ceremony, ceremony.id)) return undefined
  return value.shares.find(share => share.slot === slot)?.sealed
}

function decodeAll(ceremony: CeremonyRecord, encoded: readonly Uint8Array[]): Element[] {
  const group = groupByName(suiteOf(ceremony.kind).group)
  return encoded.map(bytes => group.decode(bytes))
}

/** Judges an opened share: the dealer lied, or the complainer did. Errors: `not_found`, `forbidden`, `malformed`. */
export function complain(ledger: Ledger, complaint: Complain, at: TransactionContext): void {
  const ceremony = requireCeremony(ledger, complaint.ceremony)
  const dealt = ledger.get<DealRecord>(paths.deal(ceremony.id, complaint.dealer))
  if (dealt === undefined) throw new OstrakaError('not_found', 'no such dealing')
  if (isMember(ceremony.disqualified, complaint.dealer)) {
    throw new OstrakaError('conflict', 'this dealer is already disqualified')
  }
  const held = slotsOf(ceremony.slots, peerIdOf(at.signer)).find(slot => slot.slot === complaint.slot)
  if (held === undefined) throw new OstrakaError('forbidden', 'not the holder of this slot')
  if (!equalBytes(sha256(complaint.record), dealt.recordHash)) {
    throw new OstrakaError('malformed', 'not the record that the dealer published')
  }
  const sealed = sealedShareIn(ledger.networkId, ceremony, dealt.dealer, complaint.record, complaint.slot)
  const guilty =
    sealed === undefined
      ? 'dealer'
      : judgeComplaint(
          {
            group: groupByName(suiteOf(ceremony.kind).group),
            commitments: decodeAll(ceremony, dealt.commitments),
            slot: complaint.slot,
            sealed,
            context: dealingContext(ledger.networkId, ceremony, dealt.dealer),
          },
          ristretto255.decode(held.sealingKey),
          { sharedPoint: complaint.sharedPoint, proof: complaint.proof },
        )
  if (guilty === 'dealer') convict(ledger, dealt.dealer, 'bad_dealing', at)
  else convict(ledger, at.signer, 'false_complaint', at)
}

/** Replaces the rules of a key. Errors: `unknown_key`, `forbidden` for all but its owner, `conflict` on the revision. */
export function setPolicy(ledger: Ledger, transaction: SetPolicy, at: TransactionContext): void {
  const key = ledger.get<KeyRecord>(paths.key(transaction.name))
  if (key === undefined) throw new OstrakaError('unknown_key', 'no key of this name')
  if (!equalBytes(key.owner, at.signer))
    throw new OstrakaError('forbidden', 'only its owner sets a key’s policy')
  if (key.policyRevision !== transaction.revision) {
    throw new OstrakaError('conflict', 'the policy has changed meanwhile', { revision: key.policyRevision })
  }
  checkRules(transaction.rules)
  ledger.put(paths.key(key.name), {
    ...key,
    rules: transaction.rules,
    policyRevision: key.policyRevision + 1,
  })
}

function sameDealing(a: Pick<Deal, 'commitments' | 'recordHash'>, b: typeof a): boolean {
  return (
    equalBytes(a.recordHash, b.recordHash) &&
    a.commitments.length === b.commitments.length &&
    a.commitments.every((commitment, index) => equalBytes(commitment, b.commitments[index]!))
  )
}

/** Before a block's transactions: ceremonies that have passed their deadline in block time are settled. */
export function settleDeadlines(ledger: Ledger, at: HookContext): void {
  for (const { subject } of at.due) {
    const ceremony = ledger.get<CeremonyRecord>(subject)
    if (!subject.startsWith('ceremony/') || ceremony === undefined || ceremony.deadlineMs > at.timeMs)
      continue
    if (ceremony.origin === 'import' && ceremony.stage === 'dealing') {
      abort(ledger, ceremony, 'the importing client did not deal in time')
    } else if (ceremony.stage === 'dealing') {
      endDealing(ledger, ceremony, ledger.genesis.timing.acknowledgeMs, at)
    } else settle(ledger, ceremony, at)
  }
}
