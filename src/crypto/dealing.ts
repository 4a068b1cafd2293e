import { concat, OstrakaError, type Rng, Secret } from '../base/index.ts'
import { type DealingContext, sealingContext, secretContext, shareInfo } from './dealing-context.ts'
import { checkShare, commit } from './feldman.ts'
import type { Element, Group, Scalar } from './group.ts'
import { groupByName } from './groups.ts'
import { evaluate, randomPolynomial, requireDistinctSlots, wipePolynomial } from './polynomial.ts'
import { type PossessionProof, provePossession, verifyPossession } from './possession.ts'
import {
  type Encapsulation,
  isWellFormed,
  open,
  type ProvenEncapsulation,
  type SealingKeyPair,
  sealTogether,
} from './sealing.ts'
import { framed, uint16 } from './transcript.ts'

/** A slot and the current sealing key of the node that holds it. */
export interface Recipient {
  readonly slot: number
  readonly sealingKey: Element
}

export interface SealedShareBytes {
  readonly slot: number
  /** 32-byte ciphertext, 16-byte tag. */
  readonly sealed: Uint8Array
}

/** One dealer's verifiable sharing of one secret. */
export interface Dealing {
  /** A_0 … A_{t-1}; A_0 is the public key of the dealt secret. */
  readonly commitments: readonly Uint8Array[]
  /** Of the one ephemeral key under which all shares are sealed. */
  readonly encapsulation: Encapsulation
  /** In the order of the recipients. */
  readonly sealedShares: readonly SealedShareBytes[]
  readonly possession: PossessionProof
}

export interface DealRequest {
  readonly group: Group
  readonly threshold: number
  readonly recipients: readonly Recipient[]
  /** The constant term; stays the caller's to wipe. */
  readonly secret: Secret
  /** Bound into both proofs and into every sealed share. */
  readonly context: DealingContext
  readonly rng: Rng
}

/** One slot's share of one dealing, as it lies in the DHT, and the commitments that it must fit. */
export interface DealtShare {
  readonly group: Group
  readonly commitments: readonly Element[]
  readonly slot: number
  readonly encapsulation: ProvenEncapsulation
  readonly sealed: Uint8Array
  readonly context: DealingContext
}

/** The scalars of every group have 32 bytes. */
const SHARE_BYTES = 32

/** Whether a share may lie inside these bytes. */
export function isShareCiphertext(sealed: Uint8Array): boolean {
  return isWellFormed(sealed, SHARE_BYTES)
}

/** Shares `secret` among the recipients. Errors: `malformed` for a threshold or slots that cannot be, or a zero secret. */
export function deal(request: DealRequest): Dealing {
  const { group, threshold, recipients, secret, context, rng } = request
  requireDistinctSlots(recipients.map(recipient => recipient.slot))
  if (threshold > recipients.length) {
    throw new OstrakaError('malformed', 'a threshold above the number of slots', { threshold })
  }
  if (group.isZeroScalar(secret.expose())) throw new OstrakaError('malformed', 'the secret is zero')
  const names = secretContext(context)
  const among = recipients.map(({ slot, sealingKey }) => framed(uint16(slot), sealingKey.bytes))
  const polynomial = randomPolynomial(group, threshold, secret, rng, concat(framed(names), ...among))
  const commitments = commit(group, polynomial)
  const possession = provePossession(group, secret, commitments[0]!, names, rng)
  const messages = recipients.map(({ slot, sealingKey }) => ({
    recipient: sealingKey,
    info: shareInfo(context, slot),
    plaintext: evaluate(group, polynomial, slot),
  }))
  const sealingGroup = groupByName(recipients[0]!.sealingKey.group)
  const { encapsulation, ciphertexts } = sealTogether(
    sealingContext(context),
    messages,
    secret,
    rng,
    sealingGroup,
  )
  for (const { plaintext } of messages) plaintext.wipe()
  wipePolynomial(polynomial)
  return {
    commitments: commitments.map(commitment => commitment.bytes),
    encapsulation,
    sealedShares: recipients.map(({ slot }, index) => ({ slot, sealed: ciphertexts[index]! })),
    possession,
  }
}

/**
 * Decodes and checks what is public of a dealing; a bad share is its recipient's to find. `constant`, where the
 * ceremony fixes it (reshare: the dealer's verifying share), must equal A_0. Errors: `bad_dealing`.
 */
export function verifyDealing(
  group: Group,
  threshold: number,
  commitments: readonly Uint8Array[],
  context: DealingContext,
  possession: PossessionProof,
  constant?: Element,
): Element[] {
  if (commitments.length !== threshold || threshold < 1) {
    throw new OstrakaError('bad_dealing', 'not one commitment for each holder needed', {
      threshold,
      commitments: commitments.length,
    })
  }
  const elements = commitments.map(bytes => {
    try {
      return group.decode(bytes)
    } catch {
      throw new OstrakaError('bad_dealing', 'a commitment is not an element of the group')
    }
  })
  if (constant !== undefined && !group.equals(elements[0]!, constant)) {
    throw new OstrakaError('bad_dealing', 'another secret than the one to be dealt')
  }
  if (!verifyPossession(group, elements[0]!, secretContext(context), possession)) {
    throw new OstrakaError('bad_dealing', 'the dealer does not prove that it knows the secret')
  }
  return elements
}

/** Opens and checks this node's share. Errors: `bad_share` when it does not open or does not fit the commitments. */
export function receiveShare(dealt: DealtShare, sealingKeys: SealingKeyPair): Secret {
  const info = shareInfo(dealt.context, dealt.slot)
  const opened = open(sealingKeys, dealt.encapsulation, info, dealt.sealed)
  const share = fittingShare(dealt, opened)
  if (share === undefined) {
    throw new OstrakaError('bad_share', 'the share does not fit the dealing', { slot: dealt.slot })
  }
  return share
}

/** The opened bytes as a share, or undefined when they are none of this dealing's polynomial; wipes what it refuses. */
export function fittingShare(dealt: DealtShare, opened: Secret | undefined): Secret | undefined {
  if (opened === undefined) return undefined
  try {
    dealt.group.decodeScalar(opened.expose()).fill(0)
  } catch {
    opened.wipe()
    return undefined
  }
  if (checkShare(dealt.group, dealt.commitments, dealt.slot, opened)) return opened
  opened.wipe()
  return undefined
}

/** The sum of one slot's shares from several dealings: its share of a newly created key. */
export function combineShares(group: Group, shares: readonly Secret[]): Secret {
  const one = group.scalarFromInt(1)
  return combineWeightedShares(
    group,
    shares.map(share => [one, share] as const),
  )
}

/** The weighted sum of one slot's shares: after a reshare, each dealer's weight is its Lagrange coefficient at 0. */
export function combineWeightedShares(
  group: Group,
  shares: ReadonlyArray<readonly [Scalar, Secret]>,
): Secret {
  if (shares.length === 0) throw new OstrakaError('insufficient_shares', 'no shares', { answered: 0 })
  let sum: Scalar = group.scalarFromInt(0)
  for (const [weight, share] of shares) {
    const product = group.scalarMultiply(weight, share.expose())
    const next = group.scalarAdd(sum, product)
    product.fill(0)
    sum.fill(0)
    sum = next
  }
  return new Secret(sum)
}
