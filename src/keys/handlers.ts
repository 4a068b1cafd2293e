import { equalBytes, OstrakaError, peerIdOf, requireComing, toHex } from '../base/index.ts'
import {
  chargeBytes,
  type DeadlineHandler,
  type Ledger,
  mayCreate,
  type TransactionContext,
  takeVersion,
} from '../control/index.ts'
import { checkPublicKey } from '../crypto/index.ts'
import {
  type Acknowledge,
  type Complain,
  type CreateKey,
  canonicalBytes,
  type Deal,
  type PolicyRule,
  type SetPolicy,
} from '../wire/index.ts'
import {
  activateIfDue,
  convict,
  endDealing,
  endDealingIfDue,
  mayEndStage,
  requireCeremony,
  settle,
} from './ceremony-rules.ts'
import { judgeComplainer } from './complaints.ts'
import { causeOf, ceremonyIdOf, keyIdOf } from './context.ts'
import { beginOrQueue, ceremonyLogBytes, creationSlots } from './creations.ts'
import { eligibleMembers } from './eligible.ts'
import { isNetworkKey, isOwnedBy } from './network-key.ts'
import { paths } from './paths.ts'
import type { CeremonyRecord, DealRecord, KeyRecord } from './records.ts'
import { recordHashOf } from './sealed-records.ts'
import { slotsOf } from './slots.ts'
import { isSoundDealing } from './soundness.ts'

/** Rules that stood before may have ended; no rule is made that has. Errors: `malformed`. */
function checkRules(rules: readonly PolicyRule[], timeMs: number, before: readonly PolicyRule[] = []): void {
  const seen = new Set(rules.map(rule => toHex(rule.principal)))
  if (seen.size !== rules.length) throw new OstrakaError('malformed', 'a principal has two policy rules')
  requireRulesComing(rules, timeMs, before)
  const known = new Set(before.map(rule => toHex(rule.principal)))
  for (const { principal } of rules) if (!known.has(toHex(principal))) checkPrincipal(principal)
}

/** Rights for a key under which nobody can sign are a mistake, or a trap for whoever reads them. Errors: `malformed`. */
function checkPrincipal(principal: Uint8Array): void {
  try {
    checkPublicKey(principal)
  } catch {
    throw new OstrakaError('malformed', 'a policy rule names no usable Ed25519 key', {
      principal: toHex(principal),
    })
  }
}

/** Errors: `malformed` for a rule that is not in `before` and whose end is not to come. */
export function requireRulesComing(
  rules: readonly PolicyRule[],
  timeMs: number,
  before: readonly PolicyRule[],
): void {
  for (const { principal, untilMs } of rules) {
    const stood = before.some(old => old.untilMs === untilMs && equalBytes(old.principal, principal))
    if (untilMs !== undefined && !stood) requireComing(untilMs, timeMs, 'untilMs')
  }
}

/**
 * nothing -> dealing, or queued. Errors: `forbidden`, `name_taken`, `malformed`, `unsupported`, `not_enough_nodes`,
 * `overloaded` { quota, limit, retryAfterMs? }.
 */
export function createKey(ledger: Ledger, create: CreateKey, at: TransactionContext): void {
  checkCreation(ledger, create, at)
  const { name, kind, threshold, shares, rules, isPublic = false, isExportable, entropy, origin } = create
  const creator = at.signer
  const cause = causeOf(at)
  const keyId = keyIdOf(cause)
  const slots = creationSlots(ledger, keyId, threshold, shares)
  const isImport = origin === 'import'
  takeVersion(ledger, creator)
  chargeBytes(ledger, creator, ceremonyLogBytes(slots, isImport ? 1 : slots.length, threshold))
  ledger.put(paths.keyName(keyId), { name })
  ledger.put(paths.key(name), {
    ...{ name, keyId, kind, owner: creator, rules, isPublic, policyRevision: 0, isExportable, entropy },
    ...{ threshold, shares, activeVersion: 0, ceremony: new Uint8Array(0), lastFailure: '' },
  } satisfies KeyRecord)
  beginOrQueue(ledger, { name, ceremony: ceremonyIdOf(cause), creator, isImport }, at)
}

/** Errors: `forbidden`, `name_taken`, `malformed`, `unsupported`. */
function checkCreation(ledger: Ledger, create: CreateKey, at: TransactionContext): void {
  const { name, kind, threshold, shares, rules } = create
  if (!mayCreate(ledger, at.signer)) {
    throw new OstrakaError('forbidden', 'this principal may not create keys')
  }
  if (isNetworkKey(create)) throw new OstrakaError('name_taken', 'the network’s own key has this name')
  if (ledger.get(paths.key(name)) !== undefined)
    throw new OstrakaError('name_taken', 'a key of this name exists')
  if (threshold > shares) throw new OstrakaError('malformed', 'the threshold is above the number of shares')
  if (threshold === 1 && eligibleMembers(ledger).length > 1) {
    throw new OstrakaError('malformed', 'a threshold of 1 would leave the whole key on one node')
  }
  if (kind === 'toy' && !ledger.genesis.name.startsWith('sim')) {
    throw new OstrakaError('unsupported', 'toy keys exist in simulations only')
  }
  checkRules(rules, at.timeMs)
}

/**
 * Takes one dealer's commitments. A second, different dealing convicts its signer, and so does one whose commitments
 * or proof of possession are bad: both are signed. Errors: `not_found`, `forbidden`, `conflict`.
 */
export function deal(ledger: Ledger, transaction: Deal, at: TransactionContext): void {
  const ceremony = requireCeremony(ledger, transaction.ceremony)
  const { fromSlot } = transaction
  const place = ceremony.dealers.findIndex(
    entry => entry.fromSlot === fromSlot && equalBytes(entry.dealer, at.signer),
  )
  if (place < 0) throw new OstrakaError('forbidden', 'not a dealer of this ceremony')
  const record = dealRecordOf(transaction, at.signer)
  const earlier = ledger.get<DealRecord>(paths.deal(ceremony.id, place))
  if (earlier !== undefined) {
    if (isSameRecord(earlier, record)) throw new OstrakaError('conflict', 'already dealt')
    convict(ledger, at.signer, 'equivocation', at)
    return
  }
  if (ceremony.disqualified.includes(place))
    throw new OstrakaError('forbidden', 'this dealer is disqualified')
  if (ceremony.stage !== 'dealing') throw new OstrakaError('conflict', 'dealing is over')
  if (!isSoundDealing(ledger, ceremony, transaction, at.signer)) {
    convict(ledger, at.signer, 'bad_dealing', at)
    return
  }
  requireFreshEncapsulation(ledger, ceremony, record.encapsulation.enc)
  ledger.put(paths.deal(ceremony.id, place), record)
  const next: CeremonyRecord = { ...ceremony, dealt: [...ceremony.dealt, place] }
  ledger.put(paths.ceremony(ceremony.id), next)
  endDealingIfDue(ledger, next, at)
}

function dealRecordOf(
  { ceremony, fromSlot, commitments, encapsulation, root }: Deal,
  dealer: Uint8Array,
): DealRecord {
  const recordHash = recordHashOf({ ceremony, dealer, fromSlot }, root)
  return { dealer, fromSlot, commitments, encapsulation, recordHash }
}

/** As `isSameDealing`, of what the ledger keeps. */
function isSameRecord(a: DealRecord, b: DealRecord): boolean {
  const named = ({ commitments, encapsulation, recordHash }: DealRecord) =>
    canonicalBytes({ commitments, enc: encapsulation.enc, recordHash })
  return equalBytes(named(a), named(b))
}

/** Nobody seals twice under one ephemeral key. The proofs tell whose it is; two dealers that share one are refused all the same. */
function requireFreshEncapsulation(ledger: Ledger, ceremony: CeremonyRecord, enc: Uint8Array): void {
  const isUsed = ceremony.dealt.some(place => {
    const dealt = ledger.get<DealRecord>(paths.deal(ceremony.id, place))!
    return equalBytes(dealt.encapsulation.enc, enc)
  })
  if (isUsed) throw new OstrakaError('conflict', 'this encapsulation is another dealing’s in this ceremony')
}

/** Takes a holder's word that it has its shares; a later, larger word replaces an earlier one. */
export function acknowledge(ledger: Ledger, transaction: Acknowledge, at: TransactionContext): void {
  const ceremony = requireCeremony(ledger, transaction.ceremony)
  const peerId = peerIdOf(at.signer)
  if (slotsOf(ceremony.slots, peerId).length === 0) {
    throw new OstrakaError('forbidden', 'not a holder in this ceremony')
  }
  if (ceremony.stage !== 'acknowledging') throw new OstrakaError('conflict', 'dealing is not over')
  if (!transaction.dealings.every(place => ceremony.dealt.includes(place))) {
    throw new OstrakaError('malformed', 'an acknowledged dealing has not been dealt')
  }
  const others = ceremony.acknowledged.filter(entry => entry.peerId !== peerId)
  const next: CeremonyRecord = {
    ...ceremony,
    acknowledged: [...others, { peerId, dealings: transaction.dealings }],
  }
  ledger.put(paths.ceremony(ceremony.id), next)
  activateIfDue(ledger, next, at)
}

/** Judges an opened share: the dealer lied, or the complainer did. Errors: `not_found`, `forbidden`, `malformed`. */
export function complain(ledger: Ledger, complaint: Complain, at: TransactionContext): void {
  const ceremony = requireCeremony(ledger, complaint.ceremony)
  const dealt = ledger.get<DealRecord>(paths.deal(ceremony.id, complaint.dealing))
  if (dealt === undefined) throw new OstrakaError('not_found', 'no such dealing')
  if (ceremony.disqualified.includes(complaint.dealing)) {
    throw new OstrakaError('conflict', 'this dealer is already disqualified')
  }
  const guilty = judgeComplainer(ledger.networkId, ceremony, dealt, complaint, at.signer)
  if (guilty === 'dealer') convict(ledger, dealt.dealer, 'bad_dealing', at)
  else convict(ledger, at.signer, 'false_complaint', at)
}

/** Replaces the rules of a key. Errors: `unknown_key`, `forbidden` for all but its owner, `conflict` on the revision. */
export function setPolicy(ledger: Ledger, transaction: SetPolicy, at: TransactionContext): void {
  const key = ledger.get<KeyRecord>(paths.key(transaction.name))
  if (key === undefined) throw new OstrakaError('unknown_key', 'no key of this name')
  if (!isOwnedBy(key, at.signer)) throw new OstrakaError('forbidden', 'only its owner sets a key’s policy')
  if (key.policyRevision !== transaction.revision) {
    throw new OstrakaError('conflict', 'the policy has changed meanwhile', { revision: key.policyRevision })
  }
  checkRules(transaction.rules, at.timeMs, key.rules)
  ledger.put(paths.key(key.name), {
    ...key,
    rules: transaction.rules,
    isPublic: transaction.isPublic ?? false,
    policyRevision: key.policyRevision + 1,
  })
}

/** A ceremony that has passed its deadline in block time is settled. */
export const settleCeremony: DeadlineHandler = (ledger, path, at) => {
  const ceremony = ledger.get<CeremonyRecord>(path)
  if (ceremony === undefined || ceremony.deadlineMs > at.timeMs) return
  if (!mayEndStage(ledger, ceremony, at)) return
  if (ceremony.stage === 'dealing') endDealing(ledger, ceremony, at)
  else settle(ledger, ceremony, at)
}
