import { hash } from 'node:crypto'
import { concat, isOstrakaError, OstrakaError, utf8 } from '../base/index.ts'
import type { Element, Group, Scalar } from './group.ts'
import { sha512 } from './hash.ts'

/** One signer's nonce commitments with its binding factor: the summand D_i + rho_i * E_i of the group commitment. */
export interface CommitmentTerm {
  readonly slot: number
  /** D_i, encoded, as received. */
  readonly hiding: Uint8Array
  /** E_i, encoded, as received. */
  readonly binding: Uint8Array
  /** rho_i, RFC 9591 section 4.4. */
  readonly factor: Scalar
}

/** What RFC 9591 section 6 leaves to a ciphersuite, and the two places where BIP-340 departs from it. */
export interface Ciphersuite {
  readonly group: Group
  h1(input: Uint8Array): Scalar
  /** Hashes secret input: leaves no copy of the digest behind. */
  h3(input: Uint8Array): Scalar
  h4(input: Uint8Array): Uint8Array
  h5(input: Uint8Array): Uint8Array
  /** The public key as the binding factors hash it. */
  keyBytes(publicKey: Element): Uint8Array
  /** The challenge c of RFC 9591 section 4.6 for an encoded group commitment. */
  challenge(groupCommitment: Uint8Array, publicKey: Element, message: Uint8Array): Scalar
  /** True where an encoded key or group commitment stands for its negative (BIP-340: odd Y); never in RFC 9591. */
  isNegated(encoded: Uint8Array): boolean
  /**
   * The encoded sum of all terms and, if given, of `own` (RFC 9591 section 4.5). Refuses with `malformed` and
   * `{ slot }` every commitment that RFC 9591 section 3.1 DeserializeElement refuses: nobody need have checked them.
   */
  sumCommitments(terms: readonly CommitmentTerm[], own?: Element): Uint8Array
  encodeSignature(groupCommitment: Uint8Array, z: Scalar): Uint8Array
  /** Whether an ordinary verifier accepts the signature; false, never an error, for malformed input. */
  isValid(publicKey: Element, message: Uint8Array, signature: Uint8Array): boolean
}

/** The hashes of one ciphersuite: to a scalar, and to bytes. */
export interface CiphersuiteHashes {
  toScalar(domain: Uint8Array, input: Uint8Array): Scalar
  toBytes(domain: Uint8Array, input: Uint8Array): Uint8Array
}

/**
 * Builds a ciphersuite as RFC 9591 section 6 does, from a context string: H1, H3, H4 and H5 append `rho`, `nonce`,
 * `msg` and `com` to it. `challengeDomain` is H2's (section 6.1 leaves it empty, for RFC 8032's sake).
 */
export function rfc9591Ciphersuite(
  group: Group,
  contextString: string,
  hashes: CiphersuiteHashes,
  challengeDomain: string = `${contextString}chal`,
): Ciphersuite {
  const rho = utf8(`${contextString}rho`)
  const chal = utf8(challengeDomain)
  const nonce = utf8(`${contextString}nonce`)
  const msg = utf8(`${contextString}msg`)
  const com = utf8(`${contextString}com`)
  const challenge = (groupCommitment: Uint8Array, publicKey: Element, message: Uint8Array): Scalar =>
    hashes.toScalar(chal, concat(groupCommitment, publicKey.bytes, message))
  return {
    group,
    h1: input => hashes.toScalar(rho, input),
    h3: input => hashes.toScalar(nonce, input),
    h4: input => hashes.toBytes(msg, input),
    h5: input => hashes.toBytes(com, input),
    keyBytes: publicKey => publicKey.bytes,
    challenge,
    isNegated: () => false,
    sumCommitments: (terms, own) => sumCommitments(group, terms, own),
    encodeSignature: (groupCommitment, z) => concat(groupCommitment, z),
    isValid: (publicKey, message, signature) =>
      satisfiesEquation(group, challenge, publicKey, message, signature),
  }
}

/** SHA-512 reduced modulo the order, for the groups of order L (RFC 9591 sections 6.1 and 6.2). */
export function sha512Hashes(group: Group): CiphersuiteHashes {
  return {
    toScalar: (domain, input) => {
      const preimage = concat(domain, input)
      const digest = hash('sha512', preimage, 'buffer')
      const scalar = group.scalarFromWide(digest)
      // H3's input holds the share, and its digest the nonce
      preimage.fill(0)
      digest.fill(0)
      return scalar
    },
    toBytes: sha512,
  }
}

/** Decodes what a signer committed to; `malformed` with `{ slot }` for what is no element of the group. */
export function decodeCommitment(group: Group, slot: number, encoded: Uint8Array): Element {
  try {
    return group.decode(encoded)
  } catch (error) {
    throw isOstrakaError(error, 'malformed') ? badCommitment(slot) : error
  }
}

export function badCommitment(slot: number): OstrakaError {
  return new OstrakaError('malformed', 'a nonce commitment is not an element of the group', { slot })
}

function sumCommitments(group: Group, terms: readonly CommitmentTerm[], own?: Element): Uint8Array {
  const products = terms.map(term => [term.factor, decodeCommitment(group, term.slot, term.binding)] as const)
  let sum = own ?? group.identity
  for (const term of terms) sum = group.add(sum, decodeCommitment(group, term.slot, term.hiding))
  return (products.length === 0 ? sum : group.add(sum, group.publicMultiplySum(products))).bytes
}

/** z * B = R + c * PK, RFC 9591 appendix B, for groups whose signatures no platform verifies. */
function satisfiesEquation(
  group: Group,
  challenge: Ciphersuite['challenge'],
  publicKey: Element,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== group.elementBytes + group.scalarBytes) return false
  const encodedCommitment = signature.subarray(0, group.elementBytes)
  let groupCommitment: Element
  let z: Scalar
  try {
    groupCommitment = group.decode(encodedCommitment)
    z = group.decodeScalar(signature.subarray(group.elementBytes))
  } catch {
    return false
  }
  const c = challenge(encodedCommitment, publicKey, message)
  const expected = group.add(groupCommitment, group.publicMultiplySum([[c, publicKey]]))
  return group.equals(group.publicMultiplySum([[z, group.base]]), expected)
}
