import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type ErrorCode, fromHex, isOstrakaError, type Rng, Secret, toHex } from '../../src/base/index.ts'
import type { AggregateItem, AggregateKey } from '../../src/crypto/frost.ts'
import type { SecretNonces } from '../../src/crypto/frost-nonces.ts'
import type { SigningCommitment } from '../../src/crypto/frost-package.ts'
import type { Element, Group, Scalar } from '../../src/crypto/index.ts'
import type { SigningSuite } from '../../src/crypto/signing-suite.ts'

/** A key dealt by one trusted dealer, for tests only. */
export interface TestKey {
  readonly publicKey: Element
  readonly shares: ReadonlyMap<number, Uint8Array>
  readonly verifyingShare: (slot: number) => Element
  share(slot: number): Secret
}

/** Deals `coefficients[0]` by Horner's rule, independently of the code under test. */
export function dealKey(group: Group, coefficients: readonly Scalar[], slots: readonly number[]): TestKey {
  const evaluate = (slot: number): Scalar =>
    [...coefficients]
      .reverse()
      .reduce((sum, a) => group.scalarAdd(group.scalarMultiply(sum, group.scalarFromInt(slot)), a))
  const shares = new Map(slots.map(slot => [slot, evaluate(slot)]))
  return {
    publicKey: group.multiplyBase(coefficients[0]!),
    shares,
    verifyingShare: slot => group.multiplyBase(shares.get(slot)!),
    share: slot => new Secret(new Uint8Array(shares.get(slot)!)),
  }
}

export function randomKey(group: Group, threshold: number, slots: readonly number[], rng: Rng): TestKey {
  const coefficients = Array.from({ length: threshold }, () => group.randomScalar(rng))
  return dealKey(group, coefficients, slots)
}

/** What round one leaves: the list for everyone, and each signer's own nonces. */
export interface RoundOne {
  readonly commitments: SigningCommitment[]
  readonly nonces: ReadonlyMap<number, SecretNonces>
}

let pairsMade = 0

/** Round one of all `signers`, and the list of their commitments. */
export function roundOne(suite: SigningSuite, key: TestKey, signers: readonly number[], rng: Rng): RoundOne {
  const made = signers.map(slot => {
    const origin = { start: 1, index: pairsMade++ }
    return { slot, ...suite.commitNonces(key.share(slot), origin, rng) }
  })
  const commitments: SigningCommitment[] = made.map(({ slot, commitments }) => ({ slot, ...commitments }))
  return { commitments, nonces: new Map(made.map(({ slot, nonces }) => [slot, nonces])) }
}

/** Round one and round two of all `signers`, honestly. */
export function sharesOf(
  suite: SigningSuite,
  key: TestKey,
  signers: readonly number[],
  message: Uint8Array,
  rng: Rng,
): AggregateKey & AggregateItem {
  const { commitments, nonces } = roundOne(suite, key, signers, rng)
  const { publicKey, verifyingShare } = key
  const shares = signers.map(slot => ({
    slot,
    share: suite.signShare({
      slot,
      share: key.share(slot),
      publicKey,
      nonces: nonces.get(slot)!,
      commitments,
      message,
    }),
  }))
  return { publicKey, verifyingShare, commitments, message, shares }
}

/** Hands out the given byte strings, one a call, and fails on any other request. */
export class FixedRng implements Rng {
  readonly #queue: Uint8Array[]

  constructor(...hex: readonly string[]) {
    this.#queue = hex.map(fromHex)
  }

  bytes(length: number): Uint8Array {
    const next = this.#queue.shift()
    assert.equal(next?.length, length, 'randomness as the vector has it')
    return next!
  }
}

export function refuses(code: ErrorCode, work: () => unknown, details?: Record<string, unknown>): void {
  assert.throws(work, error => {
    if (!isOstrakaError(error)) return false
    assert.equal(error.code, code)
    if (details !== undefined) assert.deepEqual(error.details, details)
    return true
  })
}

export function assertHex(actual: Uint8Array, expected: string): void {
  assert.equal(toHex(actual), expected)
}

/** A FROST vector as the CFRG and the Zcash Foundation write it. */
export interface FrostVector {
  readonly inputs: {
    readonly participant_list: readonly number[]
    readonly group_secret_key: string
    readonly group_public_key?: string
    readonly verifying_key_key?: string
    readonly message: string
    readonly share_polynomial_coefficients: readonly string[]
    readonly participant_shares: ReadonlyArray<{ identifier: number; participant_share: string }>
  }
  readonly round_one_outputs: {
    readonly outputs: ReadonlyArray<{
      readonly identifier: number
      readonly hiding_nonce_randomness: string
      readonly binding_nonce_randomness: string
      readonly hiding_nonce: string
      readonly binding_nonce: string
      readonly hiding_nonce_commitment: string
      readonly binding_nonce_commitment: string
      readonly binding_factor_input: string
      readonly binding_factor: string
    }>
  }
  readonly round_two_outputs: {
    readonly outputs: ReadonlyArray<{ readonly identifier: number; readonly sig_share: string }>
  }
  readonly final_output: { readonly sig: string }
}

export function readVector<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${path}`, import.meta.url), 'utf8')) as T
}
