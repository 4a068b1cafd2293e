import { concat, OstrakaError, type Rng, Secret, uint64 } from '../base/index.ts'
import type { Ciphersuite } from './frost-ciphersuite.ts'
import type { Scalar } from './group.ts'
import { hedgedRng } from './secret-scalars.ts'

// RFC 9591 section 4.1: nonce_generate draws 32 bytes
const NONCE_RANDOM_BYTES = 32

/** The public half of one nonce pair (RFC 9591 section 5.1), encoded elements. */
export interface NonceCommitments {
  readonly hiding: Uint8Array
  readonly binding: Uint8Array
}

/** A nonce pair that can be spent once. */
export class SecretNonces {
  readonly commitments: NonceCommitments
  readonly #hiding: Secret
  readonly #binding: Secret
  #isSpent = false

  /** Takes ownership of both scalars. */
  constructor(hiding: Scalar, binding: Scalar, commitments: NonceCommitments) {
    this.#hiding = new Secret(hiding)
    this.#binding = new Secret(binding)
    this.commitments = commitments
  }

  get isSpent(): boolean {
    return this.#isSpent
  }

  /**
   * Lends the nonces to `use`, once ever: they are spent before `use` begins and wiped when it ends, however it ends.
   * Errors: `replayed` on any later call.
   */
  spend<T>(use: (hiding: Scalar, binding: Scalar) => T): T {
    if (this.#isSpent) throw new OstrakaError('replayed', 'these signing nonces are spent')
    this.#isSpent = true
    try {
      return use(this.#hiding.expose(), this.#binding.expose())
    } finally {
      this.#wipe()
    }
  }

  /** Spends the nonces on nothing. */
  discard(): void {
    this.#isSpent = true
    this.#wipe()
  }

  #wipe(): void {
    this.#hiding.wipe()
    this.#binding.wipe()
  }
}

/** Which nonce pair this is among all that a node ever makes: no two have one origin. */
export interface NonceOrigin {
  /** The node's start counter, which its disk keeps. */
  readonly start: number
  /** Counts the pairs made since that start. */
  readonly index: number
}

/**
 * `commitNonces` for a node that makes nonces ahead of their messages: what the RFC draws at random follows from the share, fresh
 * randomness and the pair's origin. A random generator that repeats itself then repeats no nonce.
 */
export function commitNoncesAhead(
  suite: Ciphersuite,
  share: Secret,
  { start, index }: NonceOrigin,
  rng: Rng,
): ReturnType<typeof commitNonces> {
  const origin = concat(uint64(start), uint64(index))
  return commitNonces(suite, share, hedgedRng('frost-randomness', share, rng, origin))
}

/**
 * Round one: draws one nonce pair and commits to it. The share is hashed in, so that a weak `rng` alone reveals nothing.
 * Source: RFC 9591 sections 4.1 (nonce_generate) and 5.1 (commit).
 */
export function commitNonces(
  suite: Ciphersuite,
  share: Secret,
  rng: Rng,
): { readonly nonces: SecretNonces; readonly commitments: NonceCommitments } {
  const hiding = generateNonce(suite, share, rng)
  const binding = generateNonce(suite, share, rng)
  const commitments = {
    hiding: suite.group.multiplyBase(hiding).bytes,
    binding: suite.group.multiplyBase(binding).bytes,
  }
  return { nonces: new SecretNonces(hiding, binding, commitments), commitments }
}

function generateNonce(suite: Ciphersuite, share: Secret, rng: Rng): Scalar {
  const random = rng.bytes(NONCE_RANDOM_BYTES)
  const input = concat(random, share.expose())
  const nonce = suite.h3(input)
  random.fill(0)
  input.fill(0)
  return nonce
}
