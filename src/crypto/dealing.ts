import { concat, OstrakaError, type Rng, Secret, utf8 } from '../base/index.ts'
import { checkShare, commit } from './feldman.ts'
import type { Element, Group, Scalar } from './group.ts'
import {
  evaluate,
  randomPolynomial,
  requireDistinctSlots,
  requireSlot,
  wipePolynomial,
} from './polynomial.ts'
import { type PossessionProof, provePossession, verifyPossession } from './possession.ts'
import { open, type SealingKeyPair, seal } from './sealing.ts'
import { uint16 } from './transcript.ts'

/** A slot and the current sealing key of the node that holds it. */
export interface Recipient {
  readonly slot: number
  readonly sealingKey: Element
}

export interface SealedShareBytes {
  readonly slot: number
  /** 32-byte encapsulation, 32-byte ciphertext, 16-byte tag. */
  readonly sealed: Uint8Array
}

/** One dealer's verifiable sharing of one secret. */
export interface Dealing {
  /** A_0 … A_{t-1}; A_0 is the public key of the dealt secret. */
  readonly commitments: readonly Uint8Array[]
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
  /** Names network, key, version and dealer: bound into the proof and into every sealed share. */
  readonly context: Uint8Array
  readonly rng: Rng
}

/** One slot's share of one dealing, as it lies in the DHT, and the commitments that it must fit. */
export interface DealtShare {
  readonly group: Group
  readonly commitments: readonly Element[]
  readonly slot: number
  readonly sealed: Uint8Array
  readonly context: Uint8Array
}

/** All that a sealed share is bound to stands in its info string. */
export const NO_AAD: Uint8Array = new Uint8Array(0)

/** Shares `secret` among the recipients. Errors: `malformed` for a threshold or slots that cannot be, or a zero secret. */
export function deal(request: DealRequest): Dealing {
  const { group, threshold, recipients, secret, context, rng } = request
  requireDistinctSlots(recipients.map(recipient => recipient.slot))
  if (threshold > recipients.length) {
    throw new OstrakaError('malformed', 'a threshold above the number of slots', { threshold })
  }
  if (group.isZeroScalar(secret.expose())) throw new OstrakaError('malformed', 'the secret is zero')
  const polynomial = randomPolynomial(group, threshold, secret, rng)
  const commitments = commit(group, polynomial)
  const possession = provePossession(group, secret, commitments[0]!, context, rng)
  const sealedShares = recipients.map(({ slot, sealingKey }) => {
    const share = evaluate(group, polynomial, slot)
    const sealed = seal(sealingKey, shareInfo(context, slot), NO_AAD, share, rng)
    share.wipe()
    return { slot, sealed }
  })
  wipePolynomial(polynomial)
  return { commitments: commitments.map(commitment => commitment.bytes), sealedShares, possession }
}

/**
 * Decodes and checks what is public of a dealing; a bad share is its recipient's to find. `constant`, where the
 * ceremony fixes it (reshare: the dealer's verifying share), must equal A_0. Errors: `bad_dealing`.
 */
export function verifyDealing(
  group: Group,
  threshold: number,
  commitments: readonly Uint8Array[],
  context: Uint8Array,
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
  if (!verifyPossession(group, elements[0]!, context, possession)) {
    throw new OstrakaError('bad_dealing', 'the dealer does not prove that it knows the secret')
  }
  return elements
}

/** Opens and checks this node's share. Errors: `bad_share` when it does not open or does not fit the commitments. */
export function receiveShare(dealt: DealtShare, sealingKeys: SealingKeyPair): Secret {
  const opened = open(sealingKeys, shareInfo(dealt.context, dealt.slot), NO_AAD, dealt.sealed)
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

/** The info string under which one slot's share is sealed. */
export function shareInfo(context: Uint8Array, slot: number): Uint8Array {
  return concat(utf8('ostraka/1/share\0'), uint16(requireSlot(slot)), context)
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
