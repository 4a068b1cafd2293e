import { secp256k1_hasher } from '@noble/curves/secp256k1.js'
import { isPointCompressed, pointMultiply } from 'tiny-secp256k1'
import { concat, equalBytes, fromHex, utf8 } from '../base/index.ts'
import {
  badCommitment,
  type Ciphersuite,
  type CiphersuiteHashes,
  type CommitmentTerm,
  rfc9591Ciphersuite,
} from './frost-ciphersuite.ts'
import type { Element, Scalar } from './group.ts'
import { sha256 } from './hash.ts'
import { secp256k1, sumOfEncodings } from './secp256k1.ts'

const X_ONLY_BYTES = 32
const SIGNATURE_BYTES = 64
// SEC 1 section 2.3.3: the first byte of a compressed point
const EVEN_Y = 2
const ODD_Y = 3

/** FROST(secp256k1, SHA-256)'s hashes, RFC 9591 section 6.5: hash_to_field of RFC 9380 with expand_message_xmd. */
export const sha256Hashes: CiphersuiteHashes = {
  toScalar: (domain, input) => {
    const scalar = secp256k1_hasher.hashToScalar(input, { DST: domain })
    return fromHex(scalar.toString(16).padStart(64, '0'))
  },
  toBytes: (domain, input) => sha256(domain, input),
}

/**
 * FROST(secp256k1, SHA-256) with BIP-340 output, as frost-secp256k1-tr and noble's `schnorr_FROST` have it. BIP-340
 * knows only x-coordinates: a key or a group commitment with odd Y stands for its negative. Shares, verifying shares
 * and commitments stay as the key's dealing made them, whatever its parity; the signs are put right while signing.
 */
export const frostBip340: Ciphersuite = {
  ...rfc9591Ciphersuite(secp256k1, 'FROST-secp256k1-SHA256-TR-v1', sha256Hashes),
  keyBytes: publicKey => concat(Uint8Array.of(EVEN_Y), xOnly(publicKey)),
  challenge: (groupCommitment, publicKey, message) =>
    challengeOf(groupCommitment.subarray(1), xOnly(publicKey), message),
  isNegated: encoded => encoded[0] === ODD_Y,
  sumCommitments,
  encodeSignature: (groupCommitment, z) => concat(groupCommitment.subarray(1), z),
  isValid: (publicKey, message, signature) => verifyBip340(xOnly(publicKey), message, signature),
}

/** The 32-byte public key of BIP-340. */
export function xOnly(publicKey: Element): Uint8Array {
  return publicKey.bytes.slice(1)
}

/** Whether a BIP-340 verifier accepts (its section Verification); false for a key or signature of the wrong size. */
export function verifyBip340(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== X_ONLY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  const x = signature.subarray(0, X_ONLY_BYTES)
  let key: Element
  let z: Scalar
  try {
    key = secp256k1.decode(concat(Uint8Array.of(EVEN_Y), publicKey))
    z = secp256k1.decodeScalar(signature.subarray(X_ONLY_BYTES))
  } catch {
    return false
  }
  const negated = secp256k1.scalarNegate(challengeOf(x, publicKey, message))
  const nonce = secp256k1.add(secp256k1.multiplyBase(z), secp256k1.publicMultiplySum([[negated, key]])).bytes
  return nonce[0] === EVEN_Y && equalBytes(nonce.subarray(1), x)
}

function challengeOf(nonceX: Uint8Array, publicKey: Uint8Array, message: Uint8Array): Scalar {
  const digest = taggedHash('BIP0340/challenge', nonceX, publicKey, message)
  return secp256k1.scalarFromWide(concat(new Uint8Array(32), digest))
}

/** The group commitment straight on encodings, since most of a signature's time is spent here. */
function sumCommitments(terms: readonly CommitmentTerm[], own?: Element): Uint8Array {
  const summands = own === undefined ? [] : [own.bytes]
  for (const { slot, hiding, binding, factor } of terms) {
    if (!isPointCompressed(hiding) || !isPointCompressed(binding)) throw badCommitment(slot)
    const product = pointMultiply(binding, factor, false)
    summands.push(hiding)
    // null for the factor zero
    if (product !== null) summands.push(product)
  }
  return sumOfEncodings(summands).bytes
}

/** BIP-340's hash_tag. */
function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const tagHash = sha256(utf8(tag))
  return sha256(tagHash, tagHash, ...parts)
}
