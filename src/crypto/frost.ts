import { isOstrakaError, OstrakaError, type Secret } from '../base/index.ts'
import { type Ciphersuite, type CommitmentTerm, decodeCommitment } from './frost-ciphersuite.ts'
import type { SecretNonces } from './frost-nonces.ts'
import { bindCommitments, InterpolatingValues, ownTerm, type SigningCommitment } from './frost-package.ts'
import type { Element, Scalar } from './group.ts'

/** Whose share signs, and for which key. */
export interface Signer {
  readonly slot: number
  /** The slot's 32-byte scalar. */
  readonly share: Secret
  readonly publicKey: Element
}

/** One message to sign, and the commitments of all who sign it, in any order. */
export interface SignItem {
  readonly nonces: SecretNonces
  readonly commitments: readonly SigningCommitment[]
  readonly message: Uint8Array
}

/** One signer's answer, as received: 32 bytes if honest. */
export interface SignatureShare {
  readonly slot: number
  readonly share: Uint8Array
}

/** One message with the commitments its signers were given and the shares they answered. */
export interface AggregateItem {
  readonly commitments: readonly SigningCommitment[]
  readonly message: Uint8Array
  readonly shares: readonly SignatureShare[]
}

/** The key that the aggregate must verify under, and its verifying shares, asked for only to find culprits. */
export interface AggregateKey {
  readonly publicKey: Element
  verifyingShare(slot: number): Element
}

/** One share to judge. */
export interface ShareClaim {
  readonly slot: number
  readonly share: Uint8Array
  readonly verifyingShare: Element
  readonly publicKey: Element
  readonly commitments: readonly SigningCommitment[]
  readonly message: Uint8Array
}

/** What a share is checked against, the same for all signers of one message. */
interface Session {
  readonly terms: readonly CommitmentTerm[]
  /** R, encoded. */
  readonly groupCommitment: Uint8Array
  /** c, negated where the public key stands for its negative. */
  readonly challenge: Scalar
}

/**
 * Round two for many messages in one request: one 32-byte signature share each, in order. All nonces of the request
 * are spent, also when an item fails; a failing item fails the request.
 * Errors: `replayed` for spent nonces, `malformed` for a bad commitment list, `conflict` for one that is not ours.
 * Source: RFC 9591 section 5.2.
 */
export function signShares(suite: Ciphersuite, signer: Signer, items: readonly SignItem[]): Scalar[] {
  const interpolation = new InterpolatingValues(suite.group)
  try {
    return items.map(item => signShare(suite, signer, item, interpolation))
  } finally {
    for (const item of items) item.nonces.discard()
  }
}

function signShare(
  suite: Ciphersuite,
  signer: Signer,
  item: SignItem,
  interpolation: InterpolatingValues,
): Scalar {
  const { group } = suite
  const { slot, share, publicKey } = signer
  return item.nonces.spend((hiding, binding) => {
    const terms = bindCommitments(suite, publicKey, item.commitments, item.message)
    const own = ownTerm(terms, slot, item.nonces.commitments)
    const boundNonce = group.scalarMultiply(binding, own.factor)
    const nonce = group.scalarAdd(hiding, boundNonce)
    boundNonce.fill(0)
    try {
      // our own D_i + rho_i * E_i is (d_i + rho_i * e_i) * B: one multiplication of the base, and nothing to check
      const others = terms.filter(term => term !== own)
      const groupCommitment = suite.sumCommitments(others, group.multiplyBase(nonce))
      const challenge = signedChallenge(suite, groupCommitment, publicKey, item.message)
      const weight = group.scalarMultiply(interpolation.at(terms, slot), challenge)
      const keyPart = group.scalarMultiply(weight, share.expose())
      const z = suite.isNegated(groupCommitment)
        ? group.scalarSubtract(keyPart, nonce)
        : group.scalarAdd(keyPart, nonce)
      keyPart.fill(0)
      return z
    } finally {
      nonce.fill(0)
    }
  })
}

/**
 * Combines the shares of each message into its signature, in order. Each signature is verified once, as any client
 * would; only when that fails are single shares checked.
 * Errors: `bad_partial` with `{ item, culprits }` (slots, ascending) when shares or commitments are wrong,
 * `insufficient_shares` with `{ needed, answered, missing }` when a committed signer has not answered, `malformed` for
 * a bad list, `internal` when all shares are right yet do not sign: fewer than the threshold, or another key's.
 * Source: RFC 9591 section 5.3.
 */
export function aggregate(
  suite: Ciphersuite,
  key: AggregateKey,
  items: readonly AggregateItem[],
): Uint8Array[] {
  return items.map((item, index) => {
    const terms = bindCommitments(suite, key.publicKey, item.commitments, item.message)
    const shares = matchShares(terms, item.shares)
    const signature = combine(suite, terms, shares)
    if (signature !== undefined && suite.isValid(key.publicKey, item.message, signature)) return signature
    const culprits = findCulprits(suite, key, item.message, terms, shares)
    if (culprits.length === 0) {
      throw new OstrakaError('internal', 'valid shares that do not sign: too few, or of another key')
    }
    throw new OstrakaError('bad_partial', 'the signers sent wrong shares', { item: index, culprits })
  })
}

/**
 * Whether a signature share is right: z_i * B = D_i + rho_i * E_i + c * lambda_i * Y_i. False for a malformed share;
 * anyone can run it on a convicting record. Errors: `malformed` for a bad commitment list, `not_found` when it lacks
 * the slot. Source: RFC 9591 section 5.4.
 */
export function verifyShare(suite: Ciphersuite, claim: ShareClaim): boolean {
  const terms = bindCommitments(suite, claim.publicKey, claim.commitments, claim.message)
  const term = terms.find(candidate => candidate.slot === claim.slot)
  if (term === undefined) {
    throw new OstrakaError('not_found', 'the commitment list lacks the slot', { slot: claim.slot })
  }
  const session = openSession(suite, claim.publicKey, claim.message, terms)
  return isRightShare(suite, session, term, claim.share, claim.verifyingShare)
}

/** The shares in the order of the terms: exactly one for each. */
function matchShares(terms: readonly CommitmentTerm[], answers: readonly SignatureShare[]): Uint8Array[] {
  const bySlot = new Map<number, Uint8Array>()
  for (const { slot, share } of answers) {
    if (bySlot.has(slot)) throw new OstrakaError('malformed', 'two shares for one slot', { slot })
    bySlot.set(slot, share)
  }
  const missing: number[] = []
  const shares: Uint8Array[] = []
  for (const { slot } of terms) {
    const share = bySlot.get(slot)
    if (share === undefined) missing.push(slot)
    else shares.push(share)
    bySlot.delete(slot)
  }
  const [stray] = bySlot.keys()
  if (stray !== undefined) {
    throw new OstrakaError('malformed', 'a share of a slot that made no commitment', { slot: stray })
  }
  if (missing.length > 0) {
    const details = { needed: terms.length, answered: shares.length, missing }
    throw new OstrakaError('insufficient_shares', 'not every committed signer answered', details)
  }
  return shares
}

/** The signature R, z_1 + … + z_n; undefined when a commitment or a share cannot even be decoded. */
function combine(
  suite: Ciphersuite,
  terms: readonly CommitmentTerm[],
  shares: readonly Uint8Array[],
): Uint8Array | undefined {
  const { group } = suite
  try {
    const groupCommitment = suite.sumCommitments(terms)
    const z = shares.map(share => group.decodeScalar(share)).reduce(group.scalarAdd)
    return suite.encodeSignature(groupCommitment, z)
  } catch (error) {
    if (isOstrakaError(error, 'malformed')) return undefined
    throw error
  }
}

function findCulprits(
  suite: Ciphersuite,
  key: AggregateKey,
  message: Uint8Array,
  terms: readonly CommitmentTerm[],
  shares: readonly Uint8Array[],
): number[] {
  // Without every commitment there is no challenge to check shares against, and no honest signer would have answered.
  const committedBadly = terms.filter(term => !isDecodable(suite, term))
  if (committedBadly.length > 0) return committedBadly.map(term => term.slot)
  const session = openSession(suite, key.publicKey, message, terms)
  return terms
    .filter((term, i) => !isRightShare(suite, session, term, shares[i]!, key.verifyingShare(term.slot)))
    .map(term => term.slot)
}

function isDecodable(suite: Ciphersuite, term: CommitmentTerm): boolean {
  try {
    decodeCommitment(suite.group, term.slot, term.hiding)
    decodeCommitment(suite.group, term.slot, term.binding)
    return true
  } catch (error) {
    if (isOstrakaError(error, 'malformed')) return false
    throw error
  }
}

function openSession(
  suite: Ciphersuite,
  publicKey: Element,
  message: Uint8Array,
  terms: readonly CommitmentTerm[],
): Session {
  const groupCommitment = suite.sumCommitments(terms)
  const challenge = signedChallenge(suite, groupCommitment, publicKey, message)
  return { terms, groupCommitment, challenge }
}

/** c with the sign of the public key, so that everything else can use shares and verifying shares as they are. */
function signedChallenge(
  suite: Ciphersuite,
  groupCommitment: Uint8Array,
  publicKey: Element,
  message: Uint8Array,
): Scalar {
  const challenge = suite.challenge(groupCommitment, publicKey, message)
  return suite.isNegated(publicKey.bytes) ? suite.group.scalarNegate(challenge) : challenge
}

function isRightShare(
  suite: Ciphersuite,
  session: Session,
  term: CommitmentTerm,
  share: Uint8Array,
  verifyingShare: Element,
): boolean {
  const { group } = suite
  let z: Scalar
  try {
    z = group.decodeScalar(share)
  } catch {
    return false
  }
  const hiding = decodeCommitment(group, term.slot, term.hiding)
  const binding = decodeCommitment(group, term.slot, term.binding)
  const commitment = group.add(hiding, group.publicMultiplySum([[term.factor, binding]]))
  const lambda = new InterpolatingValues(group).at(session.terms, term.slot)
  const weight = group.scalarMultiply(lambda, session.challenge)
  const keyPart = group.publicMultiplySum([[weight, verifyingShare]])
  const expected = suite.isNegated(session.groupCommitment)
    ? group.subtract(keyPart, commitment)
    : group.add(keyPart, commitment)
  return group.equals(group.publicMultiplySum([[z, group.base]]), expected)
}
