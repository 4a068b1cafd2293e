import type { Rng, Secret } from '../base/index.ts'
import { frostBip340, verifyBip340, xOnly } from './bip340.ts'
import {
  type AggregateItem,
  type AggregateKey,
  aggregate,
  type ShareClaim,
  type Signer,
  type SignItem,
  signShares,
  verifyShare,
} from './frost.ts'
import { type Ciphersuite, rfc9591Ciphersuite, sha512Hashes } from './frost-ciphersuite.ts'
import { frostEd25519 } from './frost-ed25519.ts'
import {
  commitNoncesAhead,
  type NonceCommitments,
  type NonceOrigin,
  type SecretNonces,
} from './frost-nonces.ts'
import type { Element, Group, Scalar } from './group.ts'
import { verifyEd25519 } from './identity.ts'
import { toy } from './toy.ts'

export type SigningKind = 'ed25519' | 'secp256k1' | 'toy'

/** Threshold signing for one kind of key, so that holders and gateways never ask which kind it is. */
export interface SigningSuite {
  readonly kind: SigningKind
  /** The group whose scalars the shares are, and whose elements the public key and the verifying shares are. */
  readonly group: Group
  /** Round one: a nonce pair to keep in memory, and its commitments to hand out. See `commitNoncesAhead` in frost-nonces.ts. */
  commitNonces(
    share: Secret,
    origin: NonceOrigin,
    rng: Rng,
  ): { readonly nonces: SecretNonces; readonly commitments: NonceCommitments }
  /** Round two for one message: a 32-byte signature share. Errors as `signShares`. */
  signShare(request: Signer & SignItem): Scalar
  /** Round two for many messages of one request. Errors: `replayed`, `malformed`, `conflict`. */
  signShares(signer: Signer, items: readonly SignItem[]): Scalar[]
  /** One verified 64-byte signature. Errors as `aggregateAll`. */
  aggregate(request: AggregateKey & AggregateItem): Uint8Array
  /** One verified 64-byte signature a message. Errors: `bad_partial`, `insufficient_shares`, `malformed`, `internal`. */
  aggregateAll(key: AggregateKey, items: readonly AggregateItem[]): Uint8Array[]
  /** Whether one signature share is right: the test that convicts. */
  verifyShare(claim: ShareClaim): boolean
  /** What a standard client does with the encoded public key; false, never an error, for malformed input. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** The public key as a standard client knows it: 32 bytes (x-only for secp256k1). */
  encodePublicKey(publicKey: Element): Uint8Array
}

const SUITES: Readonly<Record<SigningKind, SigningSuite>> = {
  ed25519: makeSuite('ed25519', frostEd25519, verifyEd25519, publicKey => publicKey.bytes),
  secp256k1: makeSuite('secp256k1', frostBip340, verifyBip340, xOnly),
  toy: makeToySuite(),
}

/** The signing suite of that kind. */
export function signingSuite(kind: SigningKind): SigningSuite {
  return SUITES[kind]
}

function makeSuite(
  kind: SigningKind,
  ciphersuite: Ciphersuite,
  verify: SigningSuite['verify'],
  encodePublicKey: SigningSuite['encodePublicKey'],
): SigningSuite {
  return {
    kind,
    group: ciphersuite.group,
    commitNonces: (share, origin, rng) => commitNoncesAhead(ciphersuite, share, origin, rng),
    signShare: request => signShares(ciphersuite, request, [request])[0]!,
    signShares: (signer, items) => signShares(ciphersuite, signer, items),
    aggregate: request => aggregate(ciphersuite, request, [request])[0]!,
    aggregateAll: (key, items) => aggregate(ciphersuite, key, items),
    verifyShare: claim => verifyShare(ciphersuite, claim),
    verify,
    encodePublicKey,
  }
}

/** INSECURE, for the simulator only: FROST as for Ed25519, over integers, verified by the group equation. */
function makeToySuite(): SigningSuite {
  const ciphersuite = rfc9591Ciphersuite(toy, 'FROST-TOY-SHA512-v1', sha512Hashes(toy))
  const verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
    let element: Element
    try {
      element = toy.decode(publicKey)
    } catch {
      return false
    }
    return ciphersuite.isValid(element, message, signature)
  }
  return makeSuite('toy', ciphersuite, verify, publicKey => publicKey.bytes)
}
